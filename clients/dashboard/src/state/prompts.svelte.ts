import { isErrorCode, type ErrorInfo, type PromptView } from '@pizzapi/protocol';
import type { Session } from '@pizzapi/session-client';
import { SvelteMap } from 'svelte/reactivity';
import { forPage } from '../model/pageErrors.js';
import { drafts } from './drafts.svelte.js';
import { OpenPrompts } from '../model/openPrompts.js';
import { PromptResolutions } from '../model/promptResolutions.js';
import { settledText, type OwnAnswer, type PromptOutcomeNotice } from '../model/promptOutcome.js';
import type { Viewpoint } from '../model/author.js';

/** How long it is said what became of something that waited, in ms. What went wrong stays longer. */
const STAYS = { good: 5_000, plain: 7_000, bad: 20_000 };

/** An answer on its way from this page. `queued`: it is stored, and its host has not taken it yet. */
export type AnswerState =
  { kind: 'sending' } | { kind: 'queued' } | { kind: 'refused'; error: ErrorInfo } | { kind: 'unknown' };

/** What waits for a person, what this page answered, and what became of it. */
export class PromptStates {
  /** What came to an end just now. */
  settled = $state.raw<readonly PromptOutcomeNotice[]>([]);
  readonly #states = new SvelteMap<string, AnswerState>();
  readonly #given = new SvelteMap<string, OwnAnswer>();
  readonly #resolutions = new PromptResolutions();
  readonly #open = new OpenPrompts();

  constructor(
    private readonly store: Pick<Session, 'command' | 'result'>,
    private readonly sid: string,
    private readonly reader: () => Viewpoint,
  ) {}

  /** What became of the last answer to a prompt that is still there. */
  stateOf(id: string): AnswerState | undefined {
    return this.#states.get(id);
  }

  /** What this page's person began to answer to prompts that wait no longer, and has not sent. */
  unsent(pending: readonly PromptView[]): { promptId: string; text: string }[] {
    const isOver = (id: string) => !this.#given.has(id) && !pending.some((prompt) => prompt.id === id);
    return drafts.answers(this.sid).filter(({ promptId }) => isOver(promptId));
  }

  /** Takes notice of an event of the log: who answered what. */
  read(event: unknown): void {
    this.#resolutions.read(event);
  }

  /** Compares what waits with what waited; says of what is gone how it ended. */
  seen(pending: readonly PromptView[], isLive: boolean): void {
    const { begun, ended } = this.#open.look(pending, isLive);
    for (const { id } of begun) this.#resolutions.forget(id);
    for (const { id, title } of ended) this.#say(id, title);
  }

  /** Answers; no value closes the prompt without an answer. */
  async answer({ id, title }: Pick<PromptView, 'id' | 'title'>, value?: unknown): Promise<void> {
    this.#given.set(id, { kind: 'pending' });
    this.#states.set(id, { kind: 'sending' });
    const sent = await this.store.command('dialog_response', {
      dialogId: id,
      ...(value === undefined ? {} : { value }),
    });
    if (sent.kind === 'refused') return this.#refused(id, title, sent.error);
    if (sent.kind === 'unknown') {
      this.#given.delete(id);
      if (this.#isOpen(id)) this.#states.set(id, { kind: 'unknown' });
      else this.#say(id, title);
      return;
    }
    this.#states.set(id, { kind: 'queued' });
    const outcome = await this.store.result(sent.commandId);
    if (outcome.kind === 'closed') return;
    if (outcome.kind === 'failed') {
      const { code, message } = outcome.error;
      return this.#refused(id, title, { code: isErrorCode(code) ? code : 'command_failed', message });
    }
    this.#given.set(id, { kind: 'delivered', value });
    drafts.dropAnswer(this.sid, id);
    if (!this.#isOpen(id)) this.#say(id, title);
  }

  dismiss(id: string): void {
    this.settled = this.settled.filter((other) => other.id !== id);
  }

  #isOpen(id: string): boolean {
    return this.#open.has(id);
  }

  #refused(id: string, title: string, refusal: ErrorInfo): void {
    const error = forPage(refusal);
    this.#given.set(id, { kind: 'refused', error });
    if (!this.#isOpen(id)) return this.#say(id, title);
    this.#states.set(id, { kind: 'refused', error });
    // It can be tried again, unless somebody was faster, which the page is about to hear.
    if (error.code !== 'dialog_late') this.#given.delete(id);
  }

  #say(id: string, title: string): void {
    const given = this.#given.get(id);
    this.#states.delete(id);
    const said: PromptOutcomeNotice = { id, title, ...settledText(this.#resolutions.of(id), given, this.reader()) };
    this.settled = [...this.settled.filter((other) => other.id !== id), said];
    if (given?.kind === 'pending') return;
    this.#given.delete(id);
    setTimeout(() => (this.settled = this.settled.filter((other) => other !== said)), STAYS[said.tone]);
  }
}
