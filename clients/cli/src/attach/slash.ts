/** What a person may tell this client, and not the agent: they begin with two slashes, for pi's own begin with one. */
export const SLASH_COMMANDS = {
  help: { takes: '', does: 'Show this help' },
  abort: { takes: '[keep|drop]', does: 'Stop the agent (esc), and keep or drop the queue' },
  continue: { takes: '', does: 'Have the agent continue after its host was stopped' },
  onstop: { takes: '[keep|drop|ask]', does: 'Choose what a stop does with the queue' },
  queue: { takes: '', does: 'Show the whole queue' },
  edit: { takes: '<n> [text]', does: 'Edit message n of the queue' },
  take: { takes: '<n>', does: 'Take message n back into the editor (alt+up: the last one)' },
  remove: { takes: '<n>', does: 'Take message n out of the queue' },
  up: { takes: '<n>', does: 'Move message n up in the queue' },
  down: { takes: '<n>', does: 'Move message n down in the queue' },
  now: { takes: '<n>', does: 'Send message n before the others' },
  model: { takes: '[model]', does: 'Choose or set the model' },
  thinking: { takes: '[level]', does: 'Choose or set the thinking level' },
  find: { takes: '[text]', does: 'Find a text in the whole session; without a text, the match before' },
  first: { takes: '', does: 'Go to the beginning of the session (ctrl+home)' },
  last: { takes: '', does: 'Go to the end (ctrl+end)' },
  earlier: { takes: '', does: 'Load older messages' },
  detach: { takes: '', does: 'Leave; the session continues (ctrl+d)' },
  quit: { takes: '', does: 'Same as //quit' },
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
  ['enter', 'Send; while the agent works, steer it'],
  ['alt+enter', 'Send when the agent is done'],
  ['alt+↑', 'Take your last message in the queue back'],
  ['shift+enter', 'A new line (or \\ and enter)'],
  ['↑ ↓', 'Previous inputs'],
  ['esc', 'Stop the agent, or dismiss a question'],
  ['tab', 'Switch between prompt and editor'],
  ['pgup pgdn', 'Scroll; older messages load automatically'],
  ['ctrl+home end', 'Go to the beginning or to the end of the session'],
  ['ctrl+t', 'Show or hide thinking'],
  ['ctrl+o', 'Expand or collapse tool output'],
  ['ctrl+c', 'Clear the editor; press twice to leave'],
];

export function helpText(): string {
  const commands = Object.entries(SLASH_COMMANDS).map(
    ([name, { takes, does }]) => [`//${name} ${takes}`.trimEnd(), does] as const,
  );
  const rows = [...commands, ...KEYS];
  const width = Math.max(...rows.map(([what]) => what.length));
  return rows.map(([what, does]) => `${what.padEnd(width)}  ${does}`).join('\n');
}
