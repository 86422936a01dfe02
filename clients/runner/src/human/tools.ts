import { cutText } from '@pizzapi/protocol';

/** Tools that look and change nothing: pi's own, and ours. */
const READ_ONLY_TOOLS: ReadonlySet<string> = new Set([
  'read',
  'grep',
  'find',
  'ls',
  'ask_user_question',
  'todo',
  'plan_mode',
  'goal',
  'respond_to_trigger',
  'escalate_trigger',
  'escalate',
]);

/** One call of a tool, before it runs. */
export interface ToolUse {
  tool: string;
  input: Readonly<Record<string, unknown>>;
}

export const isReadOnlyTool = (tool: string) => READ_ONLY_TOOLS.has(tool);

/** The script of a call of bash, or undefined for every other tool. */
export function commandOf({ tool, input }: ToolUse): string | undefined {
  const command = input['command'];
  return tool === 'bash' && typeof command === 'string' ? command : undefined;
}

/** Characters of a call that a person is shown, and that a model is reminded of. */
const DESCRIBED = 400;

/** A call in one line: the command of bash, the file of a file tool, the arguments of any other. */
export function describeUse(use: ToolUse): string {
  const path = use.input['path'];
  const what = commandOf(use) ?? (typeof path === 'string' ? path : JSON.stringify(use.input));
  const line = what.replace(/\s+/g, ' ').trim();
  return `${use.tool}: ${line.length > DESCRIBED ? `${cutText(line, DESCRIBED)}…` : line}`;
}

/** Whether two calls are the same, word for word. */
export function useKey({ tool, input }: ToolUse): string {
  return `${tool} ${JSON.stringify(input)}`;
}
