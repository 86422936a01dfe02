/** What a person may tell this client, and not the agent: they begin with two slashes, for pi's own begin with one. */
export const SLASH_COMMANDS = {
  help: { takes: '', does: 'Show this' },
  abort: { takes: '', does: 'Stop the agent (esc)' },
  model: { takes: '[model]', does: 'Choose the model, or set the one that is named' },
  thinking: { takes: '[level]', does: 'Choose how long the agent thinks, or set it' },
  earlier: { takes: '', does: 'Load what happened before' },
  detach: { takes: '', does: 'Leave; the session goes on (ctrl+d)' },
  quit: { takes: '', does: 'The same' },
} as const;

export type SlashName = keyof typeof SLASH_COMMANDS;

export type EditorInput =
  | { kind: 'message'; text: string }
  | { kind: 'slash'; name: SlashName; rest: string }
  | { kind: 'unknown'; name: string };

/** What the text in the editor is meant to be. */
export function parseEditorInput(text: string): EditorInput {
  const found = /^\/\/(\S*)\s*([^]*)$/.exec(text);
  if (found === null) return { kind: 'message', text };
  const [, name = '', rest = ''] = found;
  if (Object.hasOwn(SLASH_COMMANDS, name)) return { kind: 'slash', name: name as SlashName, rest: rest.trim() };
  return { kind: 'unknown', name };
}

const KEYS: readonly (readonly [string, string])[] = [
  ['enter', 'Send; while the agent works, it steers'],
  ['alt+enter', 'Send when the agent is done'],
  ['shift+enter', 'A new line (or \\ and enter)'],
  ['↑ ↓', 'What you sent before'],
  ['esc', 'Stop the agent, or dismiss a question'],
  ['tab', 'From the question to the editor and back'],
  ['pgup pgdn', 'Back and forth in the story; earlier pages load by themselves'],
  ['ctrl+t', 'Show or hide thoughts'],
  ['ctrl+o', 'Show or hide the output of tools in full'],
  ['ctrl+c', 'Clear the editor; twice: leave'],
];

export function helpText(): string {
  const commands = Object.entries(SLASH_COMMANDS).map(
    ([name, { takes, does }]) => [`//${name} ${takes}`.trimEnd(), does] as const,
  );
  const rows = [...commands, ...KEYS];
  const width = Math.max(...rows.map(([what]) => what.length));
  return rows.map(([what, does]) => `${what.padEnd(width)}  ${does}`).join('\n');
}
