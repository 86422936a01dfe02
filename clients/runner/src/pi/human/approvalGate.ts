import type { ExtensionContext } from '@mariozechner/pi-coding-agent';
import { arrayAt, isMap, type ApprovalLimits, type ApprovalMode } from '@pizzapi/protocol';
import { ApprovalFile } from '../../human/approvalFile.js';
import { limitsFor } from '../../human/approvalLimits.js';
import { decide, isApprovalRule, ruleText, type ApprovalRule } from '../../human/approvalPolicy.js';
import {
  actionsFor,
  deniedText,
  DENY_AND_SAY,
  lateApprovalText,
  readApproval,
  type ApprovalAnswer,
} from '../../human/approvals.js';
import { decisionFileProblem } from '../../human/decisionFiles.js';
import { promptId, type PromptOf, type StoredEntry } from '../../human/pending.js';
import { sayUse, useKey, type ToolUse } from '../../human/tools.js';
import { hasOwnBash } from '../bashTap.js';
import { messageOf } from '../errorMessage.js';
import { onlyMakesCalls } from '../versions/builtInExtensions.js';
import type { PromptRequest } from './promptCoordinator.js';
import { lastKept, LEFT, type PromptFeature, type FeatureDeps, type Restoring } from './feature.js';

const ENTRY = 'pizzapi.approvals';

/** What was decided for one session, as its file keeps it. */
interface Kept {
  sessionId: string;
  /** Where a person chose one. */
  mode?: ApprovalMode | undefined;
  rules: ApprovalRule[];
  /** A person took back what was allowed, and with it what came from the session that started this one. */
  forgot?: boolean | undefined;
}

function asking(prompt: PromptOf<'approval'>, signal?: AbortSignal): PromptRequest<ApprovalAnswer> {
  const { use, remember } = prompt;
  return {
    prompt,
    signal,
    read: (value) => readApproval(remember, value),
    async walk(ui, stop) {
      const limits = { signal: stop, promptId: prompt.id };
      const actions = actionsFor(remember);
      for (;;) {
        const labels = [...actions.map(({ label }) => label), DENY_AND_SAY];
        const choice = await ui.select(`Allow this? ${sayUse(use)}`, labels, limits);
        if (choice !== DENY_AND_SAY) return actions.find(({ label }) => label === choice)?.answer;
        const reason = await ui.input('Why not? The agent will read it.', 'Use the test database instead, …', limits);
        // Whoever closes the field wants the choices back.
        if (reason !== undefined) return { kind: 'deny', reason };
      }
    },
  };
}

export interface ApprovalGate extends Restoring, PromptFeature<'approval'> {
  /** Once, at the start, from all branches: going back in the story takes back no decision about what may run. */
  restore(entries: readonly StoredEntry[], sessionId: string): void;
  /** A person chooses how the agent asks, for this session. */
  setMode(mode: ApprovalMode): void;
  /** Why a call must not be made, or undefined once it may. Waits for a person where the policy says so. */
  problem(toolCallId: string, use: ToolUse, ctx: ExtensionContext): Promise<string | undefined>;
  /** What holds of a session that this one starts: `isHere` where it works in the same folder of the same machine. */
  limitsFor(isHere: boolean): Promise<ApprovalLimits>;
}

export interface GateOptions {
  agentDir: string;
  cwd: string;
  /** Unless a person chooses another one for the session. */
  mode: ApprovalMode;
  /** What the session was started with, for as long as it lives. */
  limits?: ApprovalLimits | undefined;
  /** A call may run because it only reads. */
  onReadOnlyCall: (toolCallId: string) => void;
}

/**
 * Approvals by policy, before a tool runs. What is remembered for the session is kept in its file and not in its
 * forks; what is remembered for the folder is kept beside pi's own settings. An approval outlives its process: the
 * answer comes as a message then, and lets exactly that call through when the agent makes it again.
 */
export function approvalGate(
  { pi, prompts, emit, ui, deliverAnswer }: FeatureDeps,
  options: GateOptions,
): ApprovalGate {
  const { cwd, limits = {} } = options;
  const file = new ApprovalFile(options.agentDir, cwd);
  const givenMode = limits.mode ?? options.mode;
  let mode: ApprovalMode | undefined;
  let rules: ApprovalRule[] = [];
  let sessionId = '';
  /** Calls that were allowed when nobody could make them any more. */
  const granted = new Set<string>();

  let forgot = false;
  /** What came with the session. Nobody takes back here what holds the agent back. */
  const givenRules = () => (limits.rules ?? []).filter(({ decision }) => decision !== 'allow' || !forgot);
  const allRules = async () => [...givenRules(), ...rules, ...(await file.read())];
  const keep = () => pi.appendEntry(ENTRY, { sessionId, mode, rules, forgot } satisfies Kept);
  const show = () => emit({ type: 'approvals_changed', at: Date.now(), mode: mode ?? givenMode });
  const setMode = (next: ApprovalMode) => {
    mode = next;
    keep();
    show();
  };
  const remember = async (answer: ApprovalAnswer, added: readonly ApprovalRule[]) => {
    const there = await ui;
    if (answer.kind === 'folder') {
      await file
        .add(added)
        .catch((error: unknown) => there.notify(`This is not remembered: ${messageOf(error)}`, 'error'));
    }
    if (answer.kind !== 'session') return;
    rules = [...rules, ...added];
    keep();
  };

  pi.registerCommand('approvals', {
    description: 'Approvals of tool calls: /approvals [ask | allow | forget]',
    handler: async (args, ctx) => {
      const what = args.trim();
      if (what === 'ask' || what === 'allow') setMode(what);
      else if (what === 'forget') {
        rules = [];
        forgot = true;
        await file.forget();
        keep();
      } else if (what !== '') return ctx.ui.notify('Usage: /approvals [ask | allow | forget]', 'error');
      const all = (await allRules()).map((rule) => `\n${ruleText(rule)}`).join('');
      const how =
        (mode ?? givenMode) === 'ask'
          ? 'Tool calls that change something ask for approval'
          : 'All tools run without approval';
      ctx.ui.notify(`${how}.${all === '' ? '' : ` Rules:${all}`}`, 'info');
    },
  });

  return {
    setMode,
    async problem(toolCallId, use, ctx) {
      const problem = decisionFileProblem(use, cwd, options.agentDir);
      if (problem !== undefined) return problem;
      if (granted.delete(useKey(use))) return undefined;
      const place = { cwd, guardsReads: hasOwnBash(pi), onlyMakesCalls: onlyMakesCalls(pi, use.tool) };
      const verdict = decide(mode ?? givenMode, await allRules(), use, place);
      if (verdict.kind === 'allow') {
        if (verdict.onlyReads === true) options.onReadOnlyCall(toolCallId);
        return undefined;
      }
      if (verdict.kind === 'deny') return deniedText(use, { reason: `a rule says "${ruleText(verdict.rule)}"` });
      const prompt = { kind: 'approval' as const, id: promptId(toolCallId), use, remember: verdict.remember };
      const asked = await prompts.ask(asking(prompt, ctx.signal), ctx.ui);
      if (asked.kind === 'left') return LEFT;
      if (asked.kind === 'closed') return deniedText(use, undefined);
      await remember(asked.value, verdict.remember);
      return asked.value.kind === 'deny' ? deniedText(use, asked.value) : undefined;
    },
    async limitsFor(isHere) {
      const own = isHere ? [...givenRules(), ...rules] : [];
      return limitsFor(mode ?? givenMode, await allRules(), own);
    },
    restore(entries, id) {
      sessionId = id;
      const kept = lastKept(entries, ENTRY);
      const own = isMap(kept) && kept['sessionId'] === id ? kept : {};
      mode = own['mode'] === 'ask' || own['mode'] === 'allow' ? own['mode'] : undefined;
      rules = arrayAt(own, 'rules').filter(isApprovalRule);
      forgot = own['forgot'] === true;
      show();
    },
    async reopen(prompt) {
      const asked = await prompts.askAgain(asking(prompt), ui);
      if (asked.kind !== 'answered') return;
      if (asked.value.kind !== 'deny') granted.add(useKey(prompt.use));
      const given = deliverAnswer(lateApprovalText(prompt.use, asked.value));
      await Promise.all([remember(asked.value, prompt.remember), given]);
    },
  };
}
