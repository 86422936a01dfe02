import { isMap, isSessionEvent, newId, type GoalRequest, type MetaGoalStatus } from '@pizzapi/protocol';
import Type from 'typebox';
import { afterTurn, goalPrompt, goalText, newGoal, parseGoalCommand, settleGoal } from '../../human/goals.js';
import { lastKept, says, type FeatureDeps, type Restoring } from './feature.js';
import { stringEnum } from './stringEnum.js';
import { inWords } from '../terminal/toolWording.js';

const ENTRY = 'pizzapi.goal';

const Parameters = Type.Object({
  status: stringEnum(['met', 'failed'], { description: 'Whether the goal is met, or cannot be' }),
  reason: Type.String({ minLength: 1, description: 'How you know' }),
});

export interface Goal extends Restoring {
  /** A person sets a goal, which the agent is told, or cancels it (null). */
  set(goal: GoalRequest | null): void;
  /** What the model has to know of it, or undefined. */
  prompt(): string | undefined;
}

/**
 * The goal of a session: set by `/goal`, counted turn by turn, ended by the tool `goal`, by its limits or by a person.
 * `begins`: a new session begins with it.
 */
export function goalTool({ pi, emit }: FeatureDeps, begins?: GoalRequest): Goal {
  let goal: MetaGoalStatus | null = null;
  const show = (next: MetaGoalStatus | null) => {
    if (JSON.stringify(next) === JSON.stringify(goal)) return false;
    goal = next;
    emit({ type: 'goal_updated', at: Date.now(), goal });
    return true;
  };
  const change = (next: MetaGoalStatus) => {
    if (show(next)) pi.appendEntry(ENTRY, { goal: next });
  };

  const set = (next: GoalRequest | null) => {
    if (next === null) {
      if (goal !== null) change(settleGoal(goal, 'cancelled', 'a person cancelled it'));
      return;
    }
    const { description, ...limits } = next;
    change(newGoal(newId('g'), description, limits));
    pi.sendUserMessage(`New goal: ${description}`, { deliverAs: 'followUp' });
  };

  pi.registerCommand('goal', {
    description:
      'Set the goal of this session: /goal [what is to be reached] [--max-turns n] [--max-tokens n] [--max-cost usd], or /goal cancel',
    handler: async (args, ctx) => {
      const command = parseGoalCommand(args);
      switch (command.kind) {
        case 'invalid':
          return ctx.ui.notify(command.why, 'error');
        case 'show':
          return ctx.ui.notify(goal === null ? 'No goal is set' : goalText(goal), 'info');
        case 'cancel':
          return set(null);
        case 'set':
          return set({ description: command.description, ...command.limits });
      }
    },
  });

  pi.registerTool({
    name: 'goal',
    ...inWords('goal'),
    label: 'Goal',
    description: 'Says that the goal of this session is met, or that it cannot be.',
    parameters: Parameters,
    executionMode: 'sequential',
    execute: async (_toolCallId, { status, reason }) => {
      if (goal?.status !== 'active') throw new Error('This session has no goal that is still open');
      change(settleGoal(goal, status, reason));
      return says(`Noted: the goal is ${status}.`);
    },
  });

  pi.on('turn_end', ({ message }, ctx) => {
    if (goal?.status !== 'active' || message.role !== 'assistant') return;
    const { input, output, cacheRead, cacheWrite, cost } = message.usage;
    const next = afterTurn(goal, { tokens: input + output + cacheRead + cacheWrite, cost: cost.total });
    change(next);
    if (next.status === 'active') return;
    ctx.ui.notify(`Goal dropped: ${next.lastReason ?? ''}`, 'warning');
    ctx.abort();
  });

  return {
    set,
    prompt: () => (goal?.status === 'active' ? goalPrompt(goal) : undefined),
    restore(entries) {
      const kept = lastKept(entries, ENTRY);
      if (kept === undefined && begins !== undefined) {
        const { description, ...limits } = begins;
        change(newGoal(newId('g'), description, limits));
        return;
      }
      const event: unknown = { type: 'goal_updated', at: 0, ...(isMap(kept) ? kept : {}) };
      show(isSessionEvent(event) && event.type === 'goal_updated' ? event.goal : null);
    },
  };
}
