import {
  INTERRUPTED_TEXT,
  isolated,
  oneLine,
  openDialogs,
  queuedInputs,
  pendingPrompts,
  type DialogItem,
  type PromptView,
} from '@pizzapi/protocol';
import type { Session } from '@pizzapi/session-client';
import {
  visibleText,
  Editor,
  editorTheme,
  tint,
  truncateToWidth,
  visibleWidth,
  wrapTextWithAnsi,
  type Component,
  type Tint,
  type TUI,
} from '@pizzapi/runner/terminal';
import {
  blockedBy,
  queueLines,
  statusLines,
  type NameOf,
  type OutgoingInput,
  type QueueLine,
  type StatusLine,
} from './status.js';
import { answerablePrompts, type TerminalPrompt } from './pending.js';
import { QueueNumbers } from './queueNumbers.js';
import { Receipts } from './receipts.js';
import { TranscriptPane } from './transcriptPane.js';

/** Rows that the story keeps, however much waits beneath it. */
const MIN_STORY = 3;
/** Lines of what is on its way that are shown. */
const MAX_QUEUE = 4;

export interface ScreenNotice {
  text: string;
  tint: Tint;
}

/** All that is on the screen: the story, what is on its way, a question, the editor, two lines of status. */
export class Screen implements Component {
  readonly editor: Editor;
  readonly pane: TranscriptPane;
  /** What was said last by this client itself. */
  notice: ScreenNotice | undefined;
  /** Shown instead of the story. */
  page: string | undefined;
  /** The question, or the list to choose from. */
  question: Component | undefined;
  /** Questions besides the one that is shown. */
  more = 0;
  /** When the question closes by itself, in ms since epoch. */
  expiresAt: number | undefined;
  loadingEarlier = false;
  outgoing: readonly OutgoingInput[] = [];
  readonly receipts: Receipts;
  readonly numbers = new QueueNumbers();
  readonly #ui: TUI;
  readonly #session: Session;
  readonly #nameOf: NameOf;

  constructor(ui: TUI, session: Session, nameOf: NameOf) {
    this.#ui = ui;
    this.#session = session;
    this.#nameOf = nameOf;
    this.receipts = new Receipts(nameOf);
    this.editor = new Editor(ui, editorTheme());
    this.pane = new TranscriptPane({ ui, cwd: session.info.cwd, authorName: nameOf, noteOf: this.receipts.noteOf });
  }

  /** All pending prompts, including those that this viewer cannot answer. */
  get pending(): PromptView[] {
    return this.ended ? [] : pendingPrompts(this.#session.meta, this.#dialogs);
  }

  /** The prompts that may be answered from here. */
  get answerable(): TerminalPrompt[] {
    const { mode, meta } = this.#session;
    return this.ended ? [] : answerablePrompts(mode, meta, this.#dialogs);
  }

  get #dialogs(): DialogItem[] {
    return openDialogs(this.#session.transcript).map(({ item }) => item);
  }

  get ended(): boolean {
    return this.#session.transcript.ended || this.#session.info.state === 'ended';
  }

  /** Why nothing can be written now, or undefined. */
  get blocked(): string | undefined {
    return blockedBy(this.#session.mode, this.#session.info, this.ended);
  }

  /** Whether the agent can continue what the stop of its host has ended. An answer to a prompt continues it, too. */
  get canContinue(): boolean {
    const { transcript, info } = this.#session;
    const isInterrupted = transcript.interrupted || info.interrupted === true;
    return isInterrupted && !transcript.busy && this.blocked === undefined && this.pending.length === 0;
  }

  /** Whether there is an editor: who only reads has none. */
  get hasEditor(): boolean {
    return this.#session.mode !== 'read' && !this.ended;
  }

  render(width: number): string[] {
    const height = this.#ui.terminal.rows;
    const beneath = this.#beneath(width);
    const room = Math.max(MIN_STORY, height - beneath.length);
    const story =
      this.page === undefined
        ? this.pane.render(this.#session.transcript.items, width, room)
        : wrapTextWithAnsi(this.page, width).slice(0, room);
    if (this.page === undefined) this.#markTop(story, width);
    const gap = Array.from({ length: Math.max(0, room - story.length) }, () => '');
    // What is beneath is cut at its top where the window is too low: the editor and the status stay.
    return [...story, ...gap, ...beneath.slice(Math.max(0, beneath.length - (height - room)))];
  }

  invalidate(): void {
    this.pane.invalidate();
    this.editor.invalidate();
    this.question?.invalidate();
  }

  /** Says at the top that there is more. */
  #markTop(story: string[], width: number): void {
    if (story.length === 0 || !this.pane.isAtStart) return;
    if (this.loadingEarlier) story[0] = this.#line('Loading earlier messages…', 'dim', width);
    else if (this.#session.hasEarlier)
      story[0] = this.#line('Older messages are available: page up, or //earlier', 'dim', width);
  }

  #beneath(width: number): string[] {
    const { transcript } = this.#session;
    const widgets = Object.values(transcript.widgets).flat();
    const states = Object.values(transcript.status).join('  ');
    return [
      ...this.#queue(width),
      ...(this.canContinue ? [this.#line(`${INTERRUPTED_TEXT} //continue has it continue.`, 'warning', width)] : []),
      ...widgets.map((text) => this.#line(text, undefined, width)),
      ...(states === '' ? [] : [this.#line(states, 'dim', width)]),
      ...(transcript.busy ? [this.#line(this.#working(), 'accent', width)] : []),
      ...(this.notice === undefined ? [] : this.#wrapped(this.notice, width)),
      ...(this.question === undefined ? [] : this.#asked(this.question, width)),
      ...(this.hasEditor ? this.editor.render(width) : [this.#line(this.#whyNoEditor(), 'warning', width)]),
      ...this.#status(width),
    ];
  }

  /** The queue and what is on its way, as a page of its own. */
  get queuePage(): string {
    const lines = this.#queueLines.map(({ text }) => lineOf(text));
    return lines.length === 0 ? 'The queue is empty.' : lines.join('\n');
  }

  get #queueLines(): QueueLine[] {
    const { transcript } = this.#session;
    this.numbers.update(queuedInputs(transcript).flatMap(({ commandId }) => commandId ?? []));
    return queueLines(transcript, this.outgoing, this.#nameOf, this.numbers.of);
  }

  #queue(width: number): string[] {
    const lines = this.#queueLines;
    const shown = lines.slice(0, MAX_QUEUE).map(({ text, bad }) => this.#line(text, bad ? 'error' : 'dim', width));
    const more = lines.length - shown.length;
    const isHeld = !this.#session.transcript.busy && queuedInputs(this.#session.transcript).length > 0;
    return [
      ...(isHeld ? [this.#line('Stopped. The agent reads the queue before your next message.', 'warning', width)] : []),
      ...shown,
      ...(more > 0 ? [this.#line(`…and ${more} more: //queue`, 'dim', width)] : []),
    ];
  }

  #asked(question: Component, width: number): string[] {
    const { more, expiresAt } = this;
    const left = expiresAt === undefined ? undefined : Math.max(0, Math.round((expiresAt - Date.now()) / 1_000));
    const notes = [
      ...(left === undefined ? [] : [`Expires in ${left} s`]),
      ...(more === 0 ? [] : [`${more} more pending after this one`]),
    ];
    return [...question.render(width), ...notes.map((note) => this.#line(note, 'warning', width))];
  }

  #working(): string {
    if (this.pending.length > 0) {
      const isOwners = this.#session.mode !== 'read' && this.answerable.length === 0;
      return isOwners ? '● Waiting for an answer from the owner' : '● Waiting for an answer';
    }
    return this.#session.mode === 'read' ? '● Working' : '● Working · esc to stop';
  }

  #whyNoEditor(): string {
    return `${this.blocked ?? ''} q to leave · pgup/pgdn to scroll`.trimStart();
  }

  #status(width: number): string[] {
    const { info, meta, mode, viewers, connection } = this.#session;
    const facts = { info, meta, mode, viewers: viewers.length, connection: connection.sentence };
    const isLive = connection.state.kind === 'live' && info.host !== 'lost';
    const [first, second] = statusLines(facts);
    return [this.#sides(first, width, isLive ? 'dim' : 'warning'), this.#sides(second, width, 'dim')];
  }

  /** The right side is kept, the left one cut. */
  #sides({ left, right }: StatusLine, width: number, rightTint: Tint): string {
    const end = truncateToWidth(lineOf(right), width);
    const space = Math.max(0, width - visibleWidth(end) - 1);
    const start = truncateToWidth(lineOf(left), space);
    const gap = ' '.repeat(Math.max(0, width - visibleWidth(start) - visibleWidth(end)));
    return tint('dim', start) + gap + tint(rightTint, end);
  }

  #line(text: string, how: Tint | undefined, width: number): string {
    const cut = truncateToWidth(lineOf(text), width);
    return how === undefined ? cut : tint(how, cut);
  }

  #wrapped({ text, tint: how }: ScreenNotice, width: number): string[] {
    return wrapTextWithAnsi(visibleText(text), width).map((line) => tint(how, line));
  }
}

/** In one line, without the escape sequences of an agent's output. */
function lineOf(text: string): string {
  return isolated(oneLine(text));
}
