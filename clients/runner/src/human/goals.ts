import type { MetaGoalStatus } from '@pizzapi/protocol';

export interface GoalLimits {
  maxTurns?: number;
  maxTokens?: number;
  /** USD. */
  maxCost?: number;
}

/** What one turn of the agent used. */
export interface TurnSpend {
  tokens: number;
  /** USD. */
  cost: number;
}

export type GoalCommand =
  | { kind: 'show' }
  | { kind: 'cancel' }
  | { kind: 'set'; description: string; limits: GoalLimits }
  | { kind: 'invalid'; why: string };

const LIMITS: Readonly<Record<string, keyof GoalLimits>> = {
  '--max-turns': 'maxTurns',
  '--max-tokens': 'maxTokens',
  '--max-cost': 'maxCost',
};

/** Reads what follows `/goal`: nothing, `cancel`, or a description with limits anywhere in it. */
export function parseGoalCommand(args: string): GoalCommand {
  const words = args.trim().split(/\s+/);
  if (args.trim() === '') return { kind: 'show' };
  if (args.trim() === 'cancel') return { kind: 'cancel' };
  const limits: GoalLimits = {};
  const text: string[] = [];
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    const limit = LIMITS[word];
    if (limit === undefined) {
      text.push(word);
      continue;
    }
    const value = Number(words[++i]);
    if (!(value > 0)) return { kind: 'invalid', why: `${word} takes a number above 0` };
    limits[limit] = value;
  }
  if (text.length === 0) return { kind: 'invalid', why: 'A goal needs a description' };
  return { kind: 'set', description: text.join(' '), limits };
}

export function newGoal(id: string, description: string, limits: GoalLimits): MetaGoalStatus {
  return { id, description, status: 'active', turnCount: 0, tokenSpend: 0, costSpend: 0, ...limits };
}

/** The goal after a turn: what is spent is added up, and a limit that is reached ends it. Only an active goal changes. */
export function afterTurn(goal: MetaGoalStatus, spend: TurnSpend): MetaGoalStatus {
  if (goal.status !== 'active') return goal;
  const next = {
    ...goal,
    turnCount: goal.turnCount + 1,
    tokenSpend: goal.tokenSpend + spend.tokens,
    costSpend: goal.costSpend + spend.cost,
  };
  const { turnCount, maxTurns, tokenSpend, maxTokens, costSpend, maxCost } = next;
  const reached =
    maxTurns !== undefined && turnCount >= maxTurns
      ? `its ${maxTurns} turns are used up`
      : maxTokens !== undefined && tokenSpend >= maxTokens
        ? `its ${maxTokens} tokens are used up`
        : maxCost !== undefined && costSpend >= maxCost
          ? `its ${maxCost} USD are used up`
          : undefined;
  return reached === undefined ? next : { ...next, status: 'failed', lastReason: reached };
}

/** The goal as somebody ended it. Only an active goal changes. */
export function settleGoal(
  goal: MetaGoalStatus,
  status: 'met' | 'failed' | 'cancelled',
  reason: string,
): MetaGoalStatus {
  return goal.status === 'active' ? { ...goal, status, lastReason: reason } : goal;
}

/** A goal in one line. */
export function goalText({ description, status, turnCount, maxTurns, lastReason }: MetaGoalStatus): string {
  const turns = maxTurns === undefined ? `${turnCount} turns` : `${turnCount} of ${maxTurns} turns`;
  return `${description} (${status}, ${turns}${lastReason === undefined ? '' : `: ${lastReason}`})`;
}

/** Added to the system prompt while a goal is active. */
export function goalPrompt({ description }: MetaGoalStatus): string {
  return `The goal of this session: ${description}\nWork towards it. Call the tool "goal" as soon as it is met, or when it cannot be.`;
}
