import { isMap, type ApprovalMode } from '@pizzapi/protocol';
import { isCovered, leadsElsewhere, matchOf, staysIn, type Match } from './commandPattern.js';
import { invocationsOf, type Invocations } from './invocations.js';
import { checkReadOnly, onlyReadsAnywhere } from './readOnlyShell.js';
import { hasSubcommands } from './runners.js';
import { parseShell, type ShellWord } from './shellParser.js';
import { commandOf, isReadOnlyTool, type ToolUse } from './tools.js';

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

export type ApprovalDecision =
  /** `onlyReads`: for that reason alone, so that it has to run as what only reads. */
  | { kind: 'allow'; onlyReads?: true }
  | { kind: 'deny'; rule: ApprovalRule }
  /** `remember`: the rules that would spare the person this question next time. */
  | { kind: 'ask'; remember: ApprovalRule[] };

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

/** What is known of the place where a call would run. */
export interface CallPlace {
  /** The folder in which a script begins. */
  cwd: string;
  /** What only reads would run as `readOnlyRun.ts` has it. */
  guardsReads: boolean;
  /** The tool does nothing but make calls, each of which is decided by itself. */
  onlyMakesCalls?: boolean;
}

/**
 * What a policy says of a call. A rule that denies wins over one that asks, and that over one that allows. A script is
 * denied when anything that it may run is, and asked for when it cannot be told whether it would be. It is allowed when
 * each of its commands is understood and allowed, in the folder that it begins in; otherwise as a whole, word for word.
 */
export function decide(
  mode: ApprovalMode,
  rules: readonly ApprovalRule[],
  use: ToolUse,
  place: CallPlace,
): ApprovalDecision {
  const ofTool = rules.filter(({ tool }) => tool === '*' || tool === use.tool);
  const matches = matchesOf(ofTool, use);
  const held = ofTool.map((rule, index) => ({ rule, match: matches[index]! })).filter(({ match }) => match !== 'no');
  const denied = held.find(({ rule, match }) => rule.decision === 'deny' && match === 'yes');
  if (denied !== undefined) return { kind: 'deny', rule: denied.rule };
  if (held.some(({ rule }) => rule.decision !== 'allow')) return { kind: 'ask', remember: [] };
  if (mode === 'allow') return { kind: 'allow' };
  const allowing = ofTool.filter((rule) => rule.decision === 'allow');
  if (isAllowed(allowing, use, place, 'rules')) return { kind: 'allow' };
  if (onlyReads(use, place)) return { kind: 'allow', onlyReads: true };
  if (isAllowed(allowing, use, place, 'rules and reads')) return { kind: 'allow' };
  return { kind: 'ask', remember: toRemember(allowing, use, place) };
}

function onlyReads(use: ToolUse, { guardsReads, onlyMakesCalls = false }: CallPlace): boolean {
  const command = commandOf(use);
  if (command === undefined) return onlyMakesCalls || isReadOnlyTool(use.tool);
  const checked = checkReadOnly(command);
  return checked.readOnly && (guardsReads || !checked.guarded);
}

/** Whether each rule that holds something back speaks of a call. */
function matchesOf(rules: readonly ApprovalRule[], use: ToolUse): Match[] {
  const script = commandOf(use);
  let invocations: Invocations | undefined;
  return rules.map(({ decision, command: pattern, script: whole }) => {
    if (decision === 'allow') return 'no';
    if (whole !== undefined) return script?.trim() === whole ? 'yes' : 'no';
    if (pattern === undefined) return 'yes';
    if (script === undefined) return 'no';
    invocations ??= invocationsOf(script);
    const found = new Set(invocations.all.map((invocation) => matchOf(pattern, invocation)));
    if (found.has('yes')) return 'yes';
    return found.has('maybe') || !invocations.complete ? 'maybe' : 'no';
  });
}

function isAllowed(
  allowing: readonly ApprovalRule[],
  use: ToolUse,
  place: CallPlace,
  by: 'rules' | 'rules and reads',
): boolean {
  if (allowing.some(({ command, script }) => command === undefined && script === undefined)) return true;
  const script = commandOf(use);
  if (script === undefined) return false;
  if (allowing.some((rule) => rule.script === script.trim())) return true;
  const unsettled = unsettledCommands(allowing, script, place, by);
  return unsettled !== undefined && unsettled.length === 0;
}

/** A command that no rule allows. `moved`: the script may have changed its folder before. */
interface Unsettled {
  words: ShellWord[];
  moved: boolean;
}

/** The commands of a script that are not allowed; undefined for a script that cannot be told apart. */
function unsettledCommands(
  allowing: readonly ApprovalRule[],
  script: string,
  { cwd }: CallPlace,
  by: 'rules' | 'rules and reads',
): Unsettled[] | undefined {
  const parsed = parseShell(script);
  if (parsed.kind === 'opaque') return undefined;
  const unsettled: Unsettled[] = [];
  let moved = false;
  for (const words of parsed.commands) {
    const isAllowedHere = allowing.some(({ command }) => command !== undefined && isCovered(command, words));
    const isRead = by === 'rules and reads' && onlyReadsAnywhere(words);
    if (!isRead && (moved || !isAllowedHere)) unsettled.push({ words, moved });
    if (/^(cd|pushd|popd)$/.test(words[0]?.text ?? '')) moved ||= !staysIn(words, cwd);
  }
  return unsettled;
}

/** The narrowest rules worth keeping: a tool as a whole; of bash each command, or its sub-command with any arguments. */
function toRemember(allowing: readonly ApprovalRule[], use: ToolUse, place: CallPlace): ApprovalRule[] {
  const { tool } = use;
  const script = commandOf(use);
  if (script === undefined) return [{ tool, decision: 'allow' }];
  const patterns = unsettledCommands(allowing, script, place, 'rules and reads')?.map(patternOf) ?? [undefined];
  if (patterns.includes(undefined)) return [{ tool, script: script.trim(), decision: 'allow' }];
  return [...new Set(patterns as string[])].map((command) => ({ tool, command, decision: 'allow' }));
}

/** The pattern for a command; undefined when its words, written side by side, would mean something else. */
function patternOf({ words, moved }: Unsettled): string | undefined {
  const texts = words.map(({ text }) => text);
  const [program = '', sub = ''] = texts;
  if (moved || words.some(({ expands }) => expands)) return undefined;
  const isOpen = hasSubcommands(program) && words.length > 1 && /^[a-z][a-z:-]*$/.test(sub);
  if (isOpen && !texts.some(leadsElsewhere)) return `${program} ${sub} *`;
  return words.some(({ text, glob }) => glob || text === '' || /[\s*]/.test(text)) ? undefined : texts.join(' ');
}
