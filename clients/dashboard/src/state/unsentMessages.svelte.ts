import {
  isErrorCode,
  isMap,
  newId,
  type DeliverAs,
  type ErrorInfo,
  type FrameAttachment,
  type PendingInput,
} from '@pizzapi/protocol';
import type { Session } from '@pizzapi/session-client';
import { SvelteSet } from 'svelte/reactivity';
import { forPage } from '../model/pageErrors.js';
import { drafts } from './drafts.svelte.js';
import { storage } from './storage.js';

/**
 * Something this page has sent and the log does not show yet. `sent`: it is stored, and its host has not taken it.
 * `unknown`: it is not confirmed, and this page does not send it any more. `refused`: it was not taken, `error` says why.
 */
export interface UnsentMessage {
  /** Also the key of the input: the same message sent again, also by the next page, reaches the agent at most once. */
  id: string;
  /** When it was written, in ms since epoch. */
  at?: number;
  text: string;
  attachments: readonly FrameAttachment[];
  deliverAs: DeliverAs;
  state: 'sending' | 'sent' | 'unknown' | 'refused';
  commandId?: string;
  error?: ErrorInfo;
}

/** How long after it was written a page sends a message again by itself, in ms. Runners remember keys for 24 hours. */
const SEND_AGAIN_MS = 12 * 60 * 60_000;

/**
 * Messages from here to the agent, each until the log speaks for it. What was not confirmed is sent again by the next
 * page; what was refused stays, also over a reload.
 */
export class UnsentMessages {
  list = $state.raw<readonly UnsentMessage[]>([]);
  /** How often a message was given back to be changed. */
  recalled = $state(0);
  /** Commands of messages that were sent from this page. */
  readonly #own = new SvelteSet<string>();
  readonly #key: string;

  constructor(
    private readonly store: Pick<Session, 'sendInput' | 'result'>,
    private readonly sid: string,
  ) {
    this.#key = keyOf(sid);
    this.list = kept(storage.get(this.#key));
    for (const message of this.list) if (isToSendAgain(message)) void this.#send(message);
  }

  /** Whether this page has sent it: its person wants to know what became of it. */
  isOwn(commandId: string | undefined): boolean {
    return commandId !== undefined && this.#own.has(commandId);
  }

  async send(text: string, attachments: readonly FrameAttachment[], deliverAs: DeliverAs): Promise<void> {
    await this.#send({ id: newId(), at: Date.now(), text, attachments, deliverAs, state: 'sending' });
  }

  async #send(message: UnsentMessage): Promise<void> {
    const { id, text, attachments, deliverAs, at } = message;
    const outgoing: UnsentMessage = {
      ...{ id, text, attachments, deliverAs, state: 'sending' },
      ...(at === undefined ? {} : { at }),
    };
    this.#put([...this.list.filter((other) => other.id !== id), outgoing]);
    const outcome = await this.store.sendInput(text, { attachments: [...attachments], deliverAs, key: id });
    // The session was closed on this page: the next page sends it.
    const isLeft = outcome.kind === 'refused' && outcome.error.code === 'gateway_unreachable';
    if (outcome.kind === 'unknown' || isLeft) return this.#update(id, { state: 'unknown' });
    if (outcome.kind === 'refused') return this.#update(id, { state: 'refused', error: forPage(outcome.error) });
    const { commandId } = outcome;
    this.#own.add(commandId);
    this.#update(id, { state: 'sent', commandId });
    const result = await this.store.result(commandId);
    if (result.kind === 'closed') return;
    if (result.kind !== 'failed') return this.drop(id);
    const { code, message: why } = result.error;
    this.#refuse({ ...outgoing, commandId }, { code: isErrorCode(code) ? code : 'command_failed', message: why });
  }

  /** Sends again what was refused, as a new message, or what is not confirmed, as the same one. */
  again(id: string): void {
    const message = this.list.find((other) => other.id === id);
    if (message === undefined) return;
    // The gateway has named the command: it may be carried out all the same.
    if (message.state === 'unknown' || message.error?.commandId !== undefined) return void this.#send(message);
    this.drop(id);
    void this.send(message.text, message.attachments, message.deliverAs);
  }

  /** Gives it back to be changed: it stands before what is being written. */
  edit(id: string): void {
    const outgoing = this.#take(id);
    if (outgoing === undefined) return;
    drafts.prepend(this.sid, outgoing.text);
    this.recalled++;
  }

  /** Makes what was not taken part of the draft, when nothing can be sent any more. */
  recallAll(): void {
    const stuck = this.list.filter(isStuck);
    this.#put(this.list.filter((outgoing) => !isStuck(outgoing)));
    recall(this.sid, stuck);
  }

  /** Gives a text back that left the queue: it stands before what is being written. */
  recall(text: string): void {
    drafts.prepend(this.sid, text);
    this.recalled++;
  }

  drop(id: string): void {
    this.#put(this.list.filter((other) => other.id !== id));
  }

  /** What the log shows is not ours to show any more. */
  seen(inputs: readonly PendingInput[]): void {
    if (this.list.length === 0 || inputs.length === 0) return;
    const isShown = (id: string | undefined) => inputs.some(({ commandId }) => commandId === id);
    const left = this.list.filter(({ commandId, state }) => state === 'refused' || !isShown(commandId));
    if (left.length < this.list.length) this.#put(left);
  }

  #take(id: string): UnsentMessage | undefined {
    const found = this.list.find((other) => other.id === id);
    this.drop(id);
    return found;
  }

  /** The log may have shown it before its host refused it. */
  #refuse(outgoing: UnsentMessage, error: ErrorInfo): void {
    const others = this.list.filter(({ id }) => id !== outgoing.id);
    this.#put([...others, { ...outgoing, state: 'refused', error: forPage(error) }]);
  }

  #update(id: string, changes: Partial<UnsentMessage>): void {
    this.#put(this.list.map((other) => (other.id === id ? { ...other, ...changes } : other)));
  }

  #put(list: readonly UnsentMessage[]): void {
    this.list = list;
    const unsent = list.filter(({ state }) => state !== 'sent');
    storage.set(this.#key, unsent.length === 0 ? '' : JSON.stringify(unsent));
  }
}

const keyOf = (sid: string) => `unsent.${sid}`;

/**
 * Makes the messages that an earlier page could not send part of the draft for their session. For sessions that nothing
 * can be sent to any more.
 */
export function recallUnsent(sid: string): void {
  const messages = kept(storage.get(keyOf(sid)));
  storage.set(keyOf(sid), '');
  recall(sid, messages);
}

/** Sessions that an earlier page could not send messages to. */
export const unsentSessions = (): string[] => storage.keys(keyOf('')).map((key) => key.slice(keyOf('').length));

const isStuck = ({ state }: UnsentMessage) => state === 'refused' || state === 'unknown';

function recall(sid: string, messages: readonly UnsentMessage[]): void {
  if (messages.length > 0) drafts.prepend(sid, messages.map(({ text }) => text).join('\n\n'));
}

/** What an earlier page of this browser could not send. */
function kept(text: string | undefined): UnsentMessage[] {
  try {
    const list: unknown = JSON.parse(text ?? '[]');
    const messages = Array.isArray(list) ? list.filter(isOutgoing) : [];
    return messages.map((message) => (message.state === 'sending' ? { ...message, state: 'unknown' } : message));
  } catch {
    return [];
  }
}

function isOutgoing(value: unknown): value is UnsentMessage {
  return (
    isMap(value) &&
    typeof value['id'] === 'string' &&
    typeof value['text'] === 'string' &&
    Array.isArray(value['attachments']) &&
    STATES.includes(value['state'])
  );
}

const STATES: readonly unknown[] = ['sending', 'refused', 'unknown'];

function isToSendAgain({ state, at = 0 }: UnsentMessage): boolean {
  return state !== 'refused' && Date.now() - at < SEND_AGAIN_MS;
}
