import type { DialogItem, Transcript, TranscriptItem } from '@pizzapi/protocol';
import type { ItemNote } from '@pizzapi/runner/terminal';
import type { NameOf } from './status.js';

/** Errors of an answer that came when nothing waited for it any more. */
const LATE: readonly string[] = ['dialog_late', 'dialog_unknown'];

interface Refusal {
  code: string;
  message: string;
}

/** What became of what this client has sent: shown beside it in the story. */
export class Receipts {
  readonly #nameOf: NameOf;
  /** Messages that were sent from here, by their commands. */
  readonly #own = new Set<string>();
  /** Answers from here that were not taken, by what they answered. */
  readonly #refused = new Map<string, Refusal>();

  constructor(nameOf: NameOf) {
    this.#nameOf = nameOf;
  }

  sent(commandId: string): void {
    this.#own.add(commandId);
  }

  isOwn(commandId: string): boolean {
    return this.#own.has(commandId);
  }

  answerRefused(id: string, error: Refusal): void {
    this.#refused.set(id, error);
  }

  /** What is said beneath an item. */
  readonly noteOf = (item: TranscriptItem): ItemNote | undefined => {
    if (item.kind === 'message') {
      const isOwn = item.commandId !== undefined && this.#own.has(item.commandId);
      return isOwn ? { text: '✓ delivered', tint: 'dim' } : undefined;
    }
    if (item.kind !== 'dialog') return undefined;
    const error = this.#refused.get(item.id) ?? this.#refused.get(item.promptId ?? '');
    return error === undefined || item.state === 'open'
      ? undefined
      : { text: this.refusalText(error, item), tint: 'warning' };
  };

  /** Why an answer did not count. */
  refusalText({ code, message }: Refusal, item: DialogItem | undefined): string {
    return LATE.includes(code) ? `Too late: ${this.closedText(item)}.` : `Not delivered: ${message}`;
  }

  /** How a question came to its end, for somebody who did not answer it. */
  closedText(item: DialogItem | undefined): string {
    const who = item?.by === undefined || item.by.via === 'system' ? undefined : this.#nameOf(item.by);
    switch (item?.state) {
      case 'answered':
        return who === undefined ? 'it was already answered in another client' : `${who} already answered`;
      case 'timed_out':
        return 'it expired without an answer';
      case 'cancelled':
        return who === undefined ? 'it was already closed' : `${who} already closed it`;
      default:
        return 'the agent no longer waits for it';
    }
  }
}

/** The dialog that an answer was meant for: its own, or the step of a question, plan or approval that was open. */
export function dialogFor({ items, index }: Transcript, id: string): DialogItem | undefined {
  const own = items[index.dialogs.get(id) ?? -1];
  if (own?.kind === 'dialog') return own;
  return items.findLast((item): item is DialogItem => item.kind === 'dialog' && item.promptId === id);
}
