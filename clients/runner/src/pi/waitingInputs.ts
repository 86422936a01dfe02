import type { Author, ErrorInfo, EventOf } from '@pizzapi/protocol';
import type { QueueLane } from './inputs.js';
import type { AgentInput, Outcome } from './types.js';

export type QueueEntry = NonNullable<EventOf<'queue_update'>['items']>[number];

/** An input before its turn to go to pi. */
export interface WaitingInput {
  input: AgentInput;
  /** The sender has a result that says ok. */
  isAnswered: boolean;
  /** Answers the sender, once. */
  settle: (outcome: Outcome) => void;
}

/** The queue of pi in which an input waits while the agent works. */
export const queueFor = ({ deliverAs }: AgentInput): QueueLane => (deliverAs === 'followUp' ? 'followUp' : 'steer');

type Entry = Pick<WaitingInput, 'input'>;

/** Adds an entry behind those of its queue. The agent reads all that steers before the first that follows up. */
export function inserted<E extends Entry>(list: readonly E[], entry: E): E[] {
  const follow = list.findIndex(({ input }) => queueFor(input) === 'followUp');
  const at = queueFor(entry.input) === 'followUp' || follow < 0 ? list.length : follow;
  return list.toSpliced(at, 0, entry);
}

/**
 * Moves an entry in front of another one, or to the end. The entry then steers or follows up as its new neighbours do,
 * so that the order of the list is the order at the agent. An entry to move in front of that has left the list was read:
 * the moved one is then the first.
 */
export function moved<E extends Entry>(list: readonly E[], entry: E, before: E | 'first' | 'last'): E[] {
  const others = list.filter((other) => other !== entry);
  const at = before === 'last' ? others.length : before === 'first' ? 0 : Math.max(0, others.indexOf(before));
  const isInFrontOf = (queue: QueueLane) => others.slice(at).some(({ input }) => queueFor(input) === queue);
  const isBehind = (queue: QueueLane) => others.slice(0, at).some(({ input }) => queueFor(input) === queue);
  if (isInFrontOf('steer')) entry.input = { ...entry.input, deliverAs: 'steer' };
  else if (isBehind('followUp')) entry.input = { ...entry.input, deliverAs: 'followUp' };
  return others.toSpliced(at, 0, entry);
}

/** One input in the queue, as the log reports it. Answers to prompts have no id, because people cannot change them. */
export function itemOf(input: AgentInput): QueueEntry {
  const { commandId, by, notes = '' } = input;
  const deliverAs = queueFor(input);
  const text = notes === '' ? input.text : input.text.slice(0, -notes.length).trimEnd();
  return by === undefined ? { deliverAs, text } : { commandId, deliverAs, text, by };
}

/**
 * Takes the inputs of some authors out of a list. `withdrawn`: the commands that were answered ok; the others are answered
 * with `error`.
 */
export function withdrawInputs(
  inputs: readonly WaitingInput[],
  isTheirs: (by: Author) => boolean,
  error: ErrorInfo,
): { left: WaitingInput[]; withdrawn: string[] } {
  const isWithdrawn = ({ input: { by } }: WaitingInput) => by !== undefined && isTheirs(by);
  const gone = inputs.filter(isWithdrawn);
  for (const { isAnswered, settle } of gone) if (!isAnswered) settle({ kind: 'failed', error });
  return {
    left: inputs.filter((waiting) => !isWithdrawn(waiting)),
    withdrawn: gone.filter(({ isAnswered }) => isAnswered).map(({ input }) => input.commandId),
  };
}
