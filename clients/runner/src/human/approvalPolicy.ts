import { isMap } from '@pizzapi/protocol';
import { checkReadOnly, isReadOnlyWords } from './readOnlyShell.js';
import { parseShell } from './shellWords.js';
import { commandOf, isReadOnlyTool, type ToolUse } from './tools.js';

/** What happens to a call that no rule speaks of: it runs, or a person is asked first (unless it only reads). */
export type ApprovalMode = 'ask' | 'allow';

/**
 * What a person decided for good. `tool` is a name, or `*` for all of them. `command` narrows a rule for bash to one
 * command: its words, the last of which may be `*` for whatever follows (`git push *`). `script` narrows it to one
 * script, letter by letter.
 */
export interface ApprovalRule {
  tool: string;
  command?: string;
  script?: string;
  decision: 'ask' | 'allow' | 'deny';
}

export type Verdict =
  | { kind: 'allow' }
  | { kind: 'deny'; rule: ApprovalRule }
  /** `remember`: the rules that would spare the person this question next time. */
  | { kind: 'ask'; remember: ApprovalRule[] };

/** Programs whose second word says what they do: a rule may cover all calls of it. */
const WITH_SUBCOMMANDS = new Set('git npm pnpm yarn bun deno docker kubectl cargo go make gh'.split(' '));

/** True for a rule as it may stand in a file. */
export function isApprovalRule(value: unknown): value is ApprovalRule {
  if (!isMap(value) || typeof value['tool'] !== 'string') return false;
  const { command, script, decision } = value;
  if ([command, script].some((text) => text !== undefined && typeof text !== 'string')) return false;
  return decision === 'ask' || decision === 'allow' || decision === 'deny';
}

/** A rule in words. */
export function ruleText({ decision, ...rule }: ApprovalRule): string {
  return `${decision} ${subjectOf(rule)}`;
}

/** What a rule is about. */
export function subjectOf({ tool, command, script }: Omit<ApprovalRule, 'decision'>): string {
  const text = command ?? script;
  return text === undefined ? `every call of ${tool}` : `${tool} "${text}"`;
}

/**
 * What a policy says of a call. A rule that denies wins over one that asks, and that over one that allows. A script is
 * allowed when each of its commands is, and denied when one is; a script that cannot be told apart is allowed only as a
 * whole, word for word.
 */
export function decide(mode: ApprovalMode, rules: readonly ApprovalRule[], use: ToolUse): Verdict {
  const ofTool = rules.filter(({ tool }) => tool === '*' || tool === use.tool);
  const denied = ofTool.find((rule) => rule.decision === 'deny' && touches(rule, use));
  if (denied !== undefined) return { kind: 'deny', rule: denied };
  if (ofTool.some((rule) => rule.decision === 'ask' && touches(rule, use))) return { kind: 'ask', remember: [] };
  const allowing = ofTool.filter(({ decision }) => decision === 'allow');
  if (mode === 'allow' || covers(allowing, use) || onlyReads(use)) return { kind: 'allow' };
  return { kind: 'ask', remember: toRemember(allowing, use) };
}

function onlyReads(use: ToolUse): boolean {
  const command = commandOf(use);
  return command === undefined ? isReadOnlyTool(use.tool) : checkReadOnly(command).readOnly;
}

/** The simple commands of a script as lists of words; undefined when it cannot be told apart. */
function commandsOf(script: string): string[][] | undefined {
  const parsed = parseShell(script);
  return parsed.kind === 'opaque' ? undefined : parsed.commands.map((words) => words.map(({ text }) => text));
}

function matches(pattern: string, words: readonly string[]): boolean {
  const expected = pattern.trim().split(/\s+/);
  const open = expected.at(-1) === '*';
  const start = open ? expected.slice(0, -1) : expected;
  return (open || start.length === words.length) && start.every((word, index) => words[index] === word);
}

/** Whether a rule that holds a call back speaks of it. In a script it cannot read, the words anywhere are enough. */
function touches({ command: pattern, script: whole }: ApprovalRule, use: ToolUse): boolean {
  const script = commandOf(use);
  if (whole !== undefined) return script?.trim() === whole;
  if (pattern === undefined) return true;
  if (script === undefined) return false;
  const commands = commandsOf(script);
  if (commands !== undefined) return commands.some((words) => matches(pattern, words));
  const words = pattern
    .replace(/\s*\*$/, '')
    .trim()
    .split(/\s+/);
  const anywhere = words.map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('\\s+');
  return new RegExp(`(?<![\\w-])${anywhere}(?![\\w-])`).test(script);
}

function covers(allowing: readonly ApprovalRule[], use: ToolUse): boolean {
  if (allowing.some(({ command, script }) => command === undefined && script === undefined)) return true;
  const script = commandOf(use);
  if (script === undefined) return false;
  if (allowing.some((rule) => rule.script === script.trim())) return true;
  const unsettled = unsettledCommands(allowing, script);
  return unsettled !== undefined && unsettled.length === 0;
}

/** The commands of a script that neither only read nor are allowed. */
function unsettledCommands(allowing: readonly ApprovalRule[], script: string): string[][] | undefined {
  const parsed = parseShell(script);
  if (parsed.kind === 'opaque') return undefined;
  const open = parsed.commands.filter((words) => !isReadOnlyWords(words));
  return open
    .map((words) => words.map(({ text }) => text))
    .filter((words) => !allowing.some(({ command }) => command !== undefined && matches(command, words)));
}

/** The narrowest rules worth keeping: a tool as a whole; of bash each command, or its sub-command with any arguments. */
function toRemember(allowing: readonly ApprovalRule[], use: ToolUse): ApprovalRule[] {
  const { tool } = use;
  const script = commandOf(use);
  if (script === undefined) return [{ tool, decision: 'allow' }];
  const patterns = unsettledCommands(allowing, script)?.map(patternOf) ?? [undefined];
  if (patterns.includes(undefined)) return [{ tool, script: script.trim(), decision: 'allow' }];
  return [...new Set(patterns as string[])].map((command) => ({ tool, command, decision: 'allow' }));
}

/** The pattern for a command; undefined when its words, written side by side, would mean something else. */
function patternOf(words: readonly string[]): string | undefined {
  const [program = '', sub = ''] = words;
  if (WITH_SUBCOMMANDS.has(program) && words.length > 1 && /^[a-z][a-z:-]*$/.test(sub)) return `${program} ${sub} *`;
  return words.some((word) => word === '' || /[\s*]/.test(word)) ? undefined : words.join(' ');
}
