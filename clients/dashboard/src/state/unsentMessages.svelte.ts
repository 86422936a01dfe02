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
import { storage } from './storage.js';

/**
 * Something this page has sent and the log does not show yet. `sent`: it is stored, and its host has not taken it.
 * `unknown`: the connection broke before that was confirmed. `refused`: it was not taken, `error` says why.
 */
export interface UnsentMessage {
  id: string;
  text: string;
  attachments: readonly FrameAttachment[];
  deliverAs: DeliverAs;
  state: 'sending' | 'sent' | 'unknown' | 'refused';
  commandId?: string;
  error?: ErrorInfo;
}

/** Messages from here to the agent, each until the log speaks for it. What was not taken stays, also over a reload. */
export class UnsentMessages {
  list = $state.raw<readonly UnsentMessage[]>([]);
  /** A message that its person wants back in the composer. */
  recalled = $state.raw<Pick<UnsentMessage, 'text'>>();
  /** Commands of messages that were sent from this page. */
  readonly #own = new SvelteSet<string>();
  readonly #key: string;

  constructor(
    private readonly store: Pick<Session, 'sendInput' | 'result'>,
    sid: string,
  ) {
    this.#key = `unsent.${sid}`;
    this.list = kept(storage.get(this.#key));
  }

  /** Whether this page has sent it: its person wants to know what became of it. */
  isOwn(commandId: string | undefined): boolean {
    return commandId !== undefined && this.#own.has(commandId);
  }

  async send(text: string, attachments: readonly FrameAttachment[], deliverAs: DeliverAs): Promise<void> {
    const outgoing: UnsentMessage = { id: newId(), text, attachments, deliverAs, state: 'sending' };
    const { id } = outgoing;
    this.#put([...this.list, outgoing]);
    const outcome = await this.store.sendInput(text, { attachments: [...attachments], deliverAs });
    if (outcome.kind === 'refused') return this.#update(id, { state: 'refused', error: outcome.error });
    if (outcome.kind === 'unknown') return this.#update(id, { state: 'unknown' });
    const { commandId } = outcome;
    this.#own.add(commandId);
    this.#update(id, { state: 'sent', commandId });
    const result = await this.store.result(commandId);
    if (result.kind === 'closed') return;
    if (result.kind !== 'failed') return this.drop(id);
    const { code, message } = result.error;
    this.#refuse({ ...outgoing, commandId }, { code: isErrorCode(code) ? code : 'command_failed', message });
  }

  /** Sends again what was refused, or what may or may not have arrived. */
  again(id: string): void {
    const outgoing = this.#take(id);
    if (outgoing !== undefined) void this.send(outgoing.text, outgoing.attachments, outgoing.deliverAs);
  }

  /** Gives it back to be changed. */
  edit(id: string): void {
    this.recalled = this.#take(id);
  }

  /** Gives a text back that left the queue. */
  recall(text: string): void {
    this.recalled = { text };
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
    this.#put([...others, { ...outgoing, state: 'refused', error }]);
  }

  #update(id: string, changes: Partial<UnsentMessage>): void {
    this.#put(this.list.map((other) => (other.id === id ? { ...other, ...changes } : other)));
  }

  #put(list: readonly UnsentMessage[]): void {
    this.list = list;
    const unsent = list.filter(({ state }) => state === 'refused' || state === 'unknown');
    storage.set(this.#key, unsent.length === 0 ? '' : JSON.stringify(unsent));
  }
}

/** What an earlier page of this browser could not send. */
function kept(text: string | undefined): UnsentMessage[] {
  try {
    const list: unknown = JSON.parse(text ?? '[]');
    return Array.isArray(list) ? list.filter(isOutgoing) : [];
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
    (value['state'] === 'refused' || value['state'] === 'unknown')
  );
}
