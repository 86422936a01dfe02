import { arrayAt, isMap, stringAt, stringsAt, type UnknownMap } from './json.js';

/** How people read the calls of one tool. */
export interface ToolWords {
  /** What a call does: the beginning of a line, such as "Start a session". */
  verb: string;
  /** The arguments that say what a call is about: the first one that has a text is shown. */
  subject: readonly string[];
  /** The names of the arguments in a form. An argument without a name is shown under its own. */
  fields?: Readonly<Record<string, string>>;
}

const LINK_FIELDS = { triggerId: 'Number of the question', sessionId: 'Child session' };

/**
 * The words for the tools of pi and for those that PizzaPi adds: approvals, cards, the page, terminals and notifications
 * read them here. A test in the runner holds that every tool that PizzaPi adds has its words.
 */
export const TOOL_WORDS: Readonly<Record<string, ToolWords>> = {
  read: { verb: 'Read', subject: ['path', 'file_path'] },
  bash: { verb: 'Run', subject: ['command'] },
  exec: { verb: 'Run', subject: ['command'] },
  powershell: { verb: 'Run', subject: ['command'] },
  codemode: { verb: 'Run a script of calls', subject: ['code'] },
  tool_search: { verb: 'Search the tools', subject: ['query'] },
  edit: { verb: 'Edit', subject: ['path', 'file_path'] },
  write: { verb: 'Write', subject: ['path', 'file_path'] },
  grep: { verb: 'Search', subject: ['pattern', 'query'] },
  find: { verb: 'Find', subject: ['pattern', 'path'] },
  ls: { verb: 'List', subject: ['path'] },
  web_search: { verb: 'Search the web', subject: ['query'] },
  fetch: { verb: 'Fetch', subject: ['url'] },
  question: { verb: 'Ask', subject: ['question', 'title'] },
  demo_question: {
    verb: 'Ask',
    subject: ['ask', 'timeoutMs'],
    fields: { ask: 'Kind', timeoutMs: 'Expires after (ms)' },
  },
  demo_todo: { verb: 'To-dos', subject: [] },
  todo: { verb: 'To-dos', subject: ['action', 'text'], fields: { todos: 'The list', action: 'Change', text: 'To-do' } },
  ask_user_question: {
    verb: 'Ask',
    subject: [],
    fields: { questions: 'Questions', timeoutSeconds: 'Seconds to answer' },
  },
  plan_mode: {
    verb: 'Plan',
    subject: ['title', 'action'],
    fields: { action: 'Step', title: 'Title', description: 'Description', steps: 'Steps' },
  },
  goal: { verb: 'Goal', subject: ['reason'], fields: { status: 'State', reason: 'Reason' } },
  spawn_session: {
    verb: 'Start a session',
    subject: ['name', 'prompt'],
    fields: { prompt: 'Task', name: 'Name', cwd: 'Folder', model: 'Model', runner: 'Runner' },
  },
  tell_child: { verb: 'Message a child session', subject: ['text'], fields: { ...LINK_FIELDS, text: 'Message' } },
  respond_to_trigger: {
    verb: 'Answer a child session',
    subject: ['response'],
    fields: { ...LINK_FIELDS, response: 'Answer' },
  },
  escalate_trigger: { verb: 'Pass on', subject: ['note'], fields: { ...LINK_FIELDS, note: 'Note' } },
  escalate: { verb: 'Ask the parent', subject: ['text'], fields: { text: 'Question' } },
  cleanup_child_session: { verb: 'End a child session', subject: [], fields: LINK_FIELDS },
};

/** Returns the words for a tool, or undefined for one that another program adds. */
export function toolWords(tool: string): ToolWords | undefined {
  const name = tool.toLowerCase();
  return Object.hasOwn(TOOL_WORDS, name) ? TOOL_WORDS[name] : undefined;
}

/** Arguments that usually hold what a call of another tool is about. */
const USUAL_SUBJECTS = ['path', 'command', 'query', 'pattern', 'url', 'name', 'title', 'text', 'prompt', 'question'];

/** Returns what a call does and what it is about, in words for people. Total: arguments may be anything. */
export function toolCallWords(tool: string, args: UnknownMap): { verb: string; subject: string } {
  const words = toolWords(tool);
  const keys = words?.subject ?? USUAL_SUBJECTS;
  const subject = firstQuestion(args) ?? keys.map((key) => textAt(args, key)).find((text) => text !== '') ?? '';
  return { verb: words?.verb ?? spoken(tool), subject };
}

/** Returns a call as one line: "Start a session: Bake the bread". */
export function toolCallLine(tool: string, args: UnknownMap): string {
  const { verb, subject } = toolCallWords(tool, args);
  return subject === '' ? verb : `${verb}: ${subject}`;
}

/**
 * Returns a call with all its arguments as one line, for a person who allows or denies it; undefined for a tool whose
 * arguments have no names for people.
 */
export function toolCallSentence(tool: string, args: UnknownMap): string | undefined {
  const words = toolWords(tool);
  if (words?.fields === undefined) return undefined;
  const parts = Object.entries(args).map(([key, value]) => `${toolFieldLabel(tool, key)}: ${toolFieldText(value)}`);
  return parts.length === 0 ? words.verb : `${words.verb} (${parts.join('; ')})`;
}

/** Returns the name of an argument for people. */
export function toolFieldLabel(tool: string, key: string): string {
  const fields = toolWords(tool)?.fields;
  return fields !== undefined && Object.hasOwn(fields, key) ? fields[key]! : key;
}

/** Returns the value of an argument for people: a list of texts or questions as lines, not as JSON. */
export function toolFieldText(value: unknown): string {
  if (typeof value === 'string') return value;
  if (Array.isArray(value)) return value.map((each: unknown) => `- ${listed(each)}`).join('\n');
  return JSON.stringify(value, undefined, 2) ?? '';
}

function listed(value: unknown): string {
  if (typeof value === 'string') return value;
  if (!isMap(value)) return JSON.stringify(value) ?? '';
  const text = stringAt(value, 'question') ?? stringAt(value, 'title') ?? stringAt(value, 'text');
  if (text === undefined) return JSON.stringify(value);
  const more = stringAt(value, 'description');
  const options = stringsAt(value, 'options');
  return `${text}${more === undefined ? '' : `: ${more}`}${options.length === 0 ? '' : ` (${options.join(' · ')})`}`;
}

function textAt(args: UnknownMap, key: string): string {
  return stringAt(args, key) ?? stringsAt(args, key).join(' · ');
}

/** The first of several questions. */
function firstQuestion(args: UnknownMap): string | undefined {
  const [first] = arrayAt(args, 'questions');
  return isMap(first) ? stringAt(first, 'question') : undefined;
}

/** How pi names a tool of an MCP server. */
const MCP_TOOL = /^mcp__(.+?)__(.+)$/s;

/** Returns the server and the name of a tool of an MCP server, or undefined for every other tool. */
export function mcpToolName(tool: string): { server: string; name: string } | undefined {
  const [, server, name] = MCP_TOOL.exec(tool) ?? [];
  return server === undefined || name === undefined ? undefined : { server, name };
}

/** `mcp__docs__search` as `docs: search`, and `web_fetch_page` as `Web fetch page`. */
function spoken(name: string): string {
  const ofServer = mcpToolName(name);
  if (ofServer !== undefined) return `${ofServer.server}: ${ofServer.name}`;
  const words = name.replace(/[_-]+/g, ' ').trim();
  return words === '' ? 'Tool' : words[0]!.toUpperCase() + words.slice(1);
}
