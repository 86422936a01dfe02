import type { Author } from '../../events.js';
import { arrayAt, isMap, mapAt, numberAt, stringAt, stringsAt, type UnknownMap } from '../../json.js';
import { isSamePerson } from '../../queueRights.js';
import { oneLine, shorten } from '../../text.js';
import { both, NOTHING, push, STATE_ONLY } from './state.js';
import type { Change, PendingInput, Queue, QueuedInput, QueueItem, Transcript } from './types.js';

/** The number of characters of a message that the notice of its removal repeats. */
const QUOTED = 80;

/** Reads the queue of a `queue_update`. */
export function queueOf(event: UnknownMap): Queue {
  const queue = { steering: stringsAt(event, 'steering'), followUp: stringsAt(event, 'followUp') };
  if (event['items'] === undefined) return queue;
  return { ...queue, items: arrayAt(event, 'items').flatMap((item) => (isMap(item) ? [itemOf(item)] : [])) };
}

function itemOf(item: UnknownMap): QueueItem {
  const [commandId, text, by] = [stringAt(item, 'commandId'), stringAt(item, 'text'), authorAt(item)];
  return {
    ...(commandId === undefined ? {} : { commandId }),
    deliverAs: item['deliverAs'] === 'followUp' ? 'followUp' : 'steer',
    ...(text === undefined ? {} : { text }),
    ...(by === undefined ? {} : { by }),
  };
}

/** Folds the new text of an input that the agent has not read. */
export function inputEdited(t: Transcript, event: UnknownMap): Change {
  const text = stringAt(event, 'text');
  if (text === undefined) return NOTHING;
  t.pendingInputs = t.pendingInputs.map((input) =>
    input.commandId === event['commandId'] ? { ...input, text } : input,
  );
  return STATE_ONLY;
}

/**
 * Folds an input that a person took out of the queue; undefined for an input that was dropped for another reason. Its
 * author knows: only an input that another person took out leaves a notice.
 */
export function takenOut(t: Transcript, seq: number, event: UnknownMap, input: PendingInput): Change | undefined {
  const by = authorAt(event);
  if (by === undefined) return undefined;
  t.pendingInputs = t.pendingInputs.filter((other) => other !== input);
  if (isSamePerson(by, input.by)) return STATE_ONLY;
  const text = `${stringAt(by, 'name') ?? 'The owner'} took a message out of the queue: “${shorten(oneLine(input.text), QUOTED)}”`;
  const at = numberAt(event, 'at') ?? 0;
  const { commandId } = input;
  const notice = { notice: 'refused', level: 'info', text, commandId } as const;
  return both(push(t, { kind: 'notice', id: `notice:${seq}`, seq, at, ...notice }), STATE_ONLY);
}

function authorAt(map: UnknownMap): (UnknownMap & Author) | undefined {
  return mapAt(map, 'by') as (UnknownMap & Author) | undefined;
}

/**
 * Returns the queue in the order in which the agent will read it. The host of a log without `items` is an earlier
 * version, which does not know the commands of the queue: those entries have no id.
 */
export function queuedInputs({ queue, pendingInputs }: Pick<Transcript, 'queue' | 'pendingInputs'>): QueuedInput[] {
  const { steering, followUp, items } = queue;
  if (items === undefined) {
    const entries = (texts: readonly string[], deliverAs: QueuedInput['deliverAs']) =>
      texts.map((text) => ({ text, deliverAs }));
    return [...entries(steering, 'steer'), ...entries(followUp, 'followUp')];
  }
  return items.flatMap((item) => {
    const input = pendingInputs.find(({ commandId }) => commandId === item.commandId);
    const text = input?.text ?? item.text;
    // The beginning of the log may not be loaded.
    if (text === undefined) return [];
    const by = input?.by ?? item.by;
    const { attachments, about } = input ?? {};
    return [
      {
        ...{ ...item, text },
        ...(by === undefined ? {} : { by }),
        ...(attachments === undefined ? {} : { attachments }),
        ...(about === undefined ? {} : { about }),
      },
    ];
  });
}

/** Returns the inputs that were accepted and are not in the queue: they are on their way to the agent. */
export function inputsOnTheirWay(t: Pick<Transcript, 'queue' | 'pendingInputs'>): PendingInput[] {
  const queued = queuedInputs(t);
  return t.pendingInputs.filter(
    ({ commandId, text }) =>
      !queued.some((item) => (t.queue.items === undefined ? item.text === text : item.commandId === commandId)),
  );
}

/**
 * Returns the arguments of `queue_move` that bring an input one place up or down; undefined at the end of the list.
 * Entries without an id have no name, so that the input moves past them.
 */
export function stepInQueue(
  queued: readonly QueuedInput[],
  inputId: string,
  step: 'up' | 'down',
): { inputId: string; before?: string } | undefined {
  const ids = queued.flatMap(({ commandId }) => commandId ?? []);
  const at = ids.indexOf(inputId);
  const [previous, next, afterNext] = [ids[at - 1], ids[at + 1], ids[at + 2]];
  if (at < 0) return undefined;
  if (step === 'up') return previous === undefined ? undefined : { inputId, before: previous };
  if (next === undefined) return undefined;
  return afterNext === undefined ? { inputId } : { inputId, before: afterNext };
}
