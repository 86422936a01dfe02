import { DIALOG_METHODS, type Author, type DialogMethod } from '../../events.js';
import { mapAt, numberAt, stringAt, stringsAt, type UnknownMap } from '../../json.js';
import { both, NOTHING, push, STATE_ONLY } from './state.js';
import type { Change, DialogItem, Transcript } from './types.js';

const OUTCOMES = { answered: 'answered', cancelled: 'cancelled', timed_out: 'timed_out', settled: 'settled' } as const;

/** Dialogs that show something and ask nothing. */
const NEEDS_NO_ANSWER: ReadonlySet<DialogMethod> = new Set(['notify', 'status', 'widget']);

/** A question to people, or something that an extension shows. */
export function applyDialogOpened(t: Transcript, seq: number, event: UnknownMap): Change {
  const dialog = openedDialog(event);
  if (dialog !== undefined) return push(t, { ...dialog, seq });
  const { method } = event;
  if (stringAt(event, 'dialogId') === undefined) return NOTHING;
  if (method === 'status' || method === 'widget') return keepInSight(t, method, event);
  if (method !== 'notify') return NOTHING;
  const level = event['level'] === 'error' ? 'error' : event['level'] === 'warning' ? 'warning' : 'info';
  return push(t, {
    kind: 'notice',
    id: `notice:${seq}`,
    seq,
    at: numberAt(event, 'at') ?? 0,
    notice: 'notify',
    level,
    text: stringAt(event, 'message') ?? stringAt(event, 'title') ?? '',
  });
}

/** The dialog that an event opens for a person to answer, or undefined. Total over any map. */
export function openedDialog(event: UnknownMap): DialogItem | undefined {
  const id = stringAt(event, 'dialogId');
  const method = DIALOG_METHODS.find((known) => known === event['method']);
  if (event['type'] !== 'dialog_opened' || id === undefined || method === undefined) return undefined;
  if (NEEDS_NO_ANSWER.has(method)) return undefined;
  return {
    kind: 'dialog',
    id,
    seq: 0,
    at: numberAt(event, 'at') ?? 0,
    method,
    title: stringAt(event, 'title') ?? '',
    options: stringsAt(event, 'options'),
    state: 'open',
    ...optional(event),
  };
}

/**
 * Folds the end of a dialog: the first valid answer, a dismissal, a time-out, or a settlement by the worker. An answer
 * to the prompt to which the dialog belongs is also an answer to the dialog.
 */
export function applyDialogResolved(t: Transcript, seq: number, event: UnknownMap): Change {
  const id = stringAt(event, 'dialogId') ?? '';
  const position =
    t.index.dialogs.get(id) ?? openDialogs(t).find(({ item: { promptId } }) => promptId === id)?.position;
  const item = position === undefined ? undefined : t.items[position];
  if (position === undefined || item?.kind !== 'dialog' || item.state !== 'open') return NOTHING;
  const answered = event['value'] === undefined || event['value'] === null ? 'cancelled' : 'answered';
  const outcome = OUTCOMES[event['outcome'] as keyof typeof OUTCOMES] ?? answered;
  const by = mapAt(event, 'by') as Author | undefined;
  t.items[position] = { ...item, seq, state: outcome, value: event['value'], ...(by === undefined ? {} : { by }) };
  return { items: [position], state: true };
}

/** Closes the open dialogs of a worker that stopped. */
export function settleDialogs(t: Transcript, seq: number): Change {
  let change: Change = NOTHING;
  for (const { item, position } of openDialogs(t)) {
    t.items[position] = { ...item, seq, state: 'settled' };
    change = both(change, { items: [position], state: true });
  }
  return change;
}

/** Returns the dialogs that wait for a person, oldest first. */
export function openDialogs(t: Transcript): { item: DialogItem; position: number }[] {
  const open: { item: DialogItem; position: number }[] = [];
  for (const position of t.index.dialogs.values()) {
    const item = t.items[position];
    if (item?.kind === 'dialog' && item.state === 'open') open.push({ item, position });
  }
  return open;
}

function keepInSight(t: Transcript, method: DialogMethod, event: UnknownMap): Change {
  const key = stringAt(event, 'key') ?? '';
  if (method === 'status') {
    const { [key]: _gone, ...others } = t.status;
    // An extension sets one text, which an agent sends as the title.
    const text = stringAt(event, 'message') ?? stringAt(event, 'title');
    t.status = text === undefined || text === '' ? others : { ...others, [key]: text };
  } else {
    const { [key]: _gone, ...others } = t.widgets;
    const lines = stringsAt(event, 'lines');
    t.widgets = lines.length === 0 ? others : { ...others, [key]: lines };
  }
  return STATE_ONLY;
}

function optional(event: UnknownMap): Partial<DialogItem> {
  const fields: Partial<DialogItem> = {};
  for (const key of ['message', 'placeholder', 'prefill', 'promptId'] as const) {
    const value = stringAt(event, key);
    if (value !== undefined) fields[key] = value;
  }
  const expiresAt = numberAt(event, 'expiresAt');
  return expiresAt === undefined ? fields : { ...fields, expiresAt };
}
