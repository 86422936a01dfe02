import { cutText, mcpToolName, toolCallSentence, toolWords } from '@pizzapi/protocol';

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
  return `${toolLabel(use.tool)}: ${oneShortLine(what)}`;
}

/** The name of a tool for people. A tool of an MCP server never looks like one of pi. */
export function toolLabel(tool: string): string {
  const ofServer = mcpToolName(tool);
  return ofServer === undefined ? tool : `${ofServer.name} of the MCP server ${ofServer.server}`;
}

/** A call in one line, in words for a person who allows or denies it. It names every argument. */
export function sayUse(use: ToolUse): string {
  const sentence = toolCallSentence(use.tool, use.input);
  if (sentence !== undefined) return oneShortLine(sentence);
  const command = commandOf(use);
  return command === undefined
    ? describeUse(use)
    : `${toolWords(use.tool)?.verb ?? use.tool}: ${oneShortLine(command)}`;
}

function oneShortLine(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim();
  return line.length > DESCRIBED ? `${cutText(line, DESCRIBED)}…` : line;
}

/** Whether two calls are the same, word for word. */
export function useKey({ tool, input }: ToolUse): string {
  return `${tool} ${JSON.stringify(input)}`;
}
