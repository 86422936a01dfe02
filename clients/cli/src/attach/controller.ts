import { CONTINUE_INPUT, THINKING_LEVELS, type DeliverAs, type ErrorInfo } from '@pizzapi/protocol';
import type { Api, Session } from '@pizzapi/session-client';
import { AskBox, isKeyRelease, matchesKey, type Ask, type AskAnswer, type TUI } from '@pizzapi/runner/terminal';
import { actionOf, CLIENT_KEYS, type KeyAction } from './keys.js';
import type { AskStep, TerminalPrompt } from './pending.js';
import { dialogFor } from './receipts.js';
import { Finder } from './finder.js';
import { QueueController } from './queueController.js';
import type { QueueOnStopAnswer } from './queueOnStop.js';
import type { Screen } from './screen.js';
import { sendToHost } from './sendToHost.js';
import { helpText, parseEditorInput, type SlashName } from './slash.js';
import { modelOf, type OutgoingInput } from './status.js';

/** How long a notice is shown, and how long one of something that went wrong, in ms. */
const NOTICE_MS = 4_000;
const PROBLEM_MS = 15_000;
const LEAVES = 'Press Ctrl-C again to leave; the session continues.';
const CAME = 'The agent asks a question: press tab to answer.';
const UNSURE = 'The gateway did not confirm it: it may still be carried out.';

/** What became of a command. `unsure`: the connection broke, or the session was left, before anybody said. */
type Carried = { kind: 'done' | 'unsure' } | { kind: 'failed'; error: { code: string; message: string } };

/** The person at the terminal. */
export interface ControllerPerson {
  /** The id of the account; undefined for a guest. */
  me: string | undefined;
  onStop: QueueOnStopAnswer;
}

/** What the person does, and what comes of it. */
export class Controller {
  readonly #ui: TUI;
  readonly #session: Session;
  readonly #screen: Screen;
  readonly #api: Api;
  readonly #leave: () => void;
  /** What is asked now: by the session, or by this client (a list of models). */
  #asking: { id: string; box: AskBox } | undefined;
  /** Answered here, and not yet closed by the log. */
  readonly #answered = new Set<string>();
  readonly history: string[] = [];
  #ticking: NodeJS.Timeout | undefined;
  #ctrlC = Number.NEGATIVE_INFINITY;
  readonly #queue: QueueController;
  readonly #finder: Finder;
  constructor(ui: TUI, session: Session, screen: Screen, api: Api, leave: () => void, person: ControllerPerson) {
    this.#ui = ui;
    this.#session = session;
    this.#screen = screen;
    this.#api = api;
    this.#leave = leave;
    this.#queue = new QueueController({
      ...{ session, screen, ...person },
      command: async (name, args) => (await this.#command(name, args)).kind === 'done',
      say: (text, tint) => this.say(text, tint),
      choose: (title, labels, chosen) => this.#choose(title, labels, chosen),
    });
    const loadWhole = () => this.#load(() => session.loadWhole());
    this.#finder = new Finder({ session, screen, loadWhole, say: (text, tint) => this.say(text, tint) });
    screen.editor.onSubmit = (text) => this.submit(text);
    ui.addInputListener((data) => (this.#key(data) ? { consume: true } : undefined));
    this.sync();
  }

  /** The session has changed: shows what is asked now, and gives the keyboard to who needs it. */
  sync(): void {
    const waiting = this.#screen.answerable.filter(({ id }) => !this.#answered.has(id));
    const [first] = waiting;
    this.#screen.more = Math.max(0, waiting.length - 1);
    this.#sayClosed(waiting);
    const isOwn = this.#asking?.id === '';
    if (isOwn && first === undefined) return this.#focus();
    if (first === undefined) {
      if (this.#asking !== undefined) this.#close();
    } else if (this.#asking?.id !== first.id) this.#ask(first);
    this.#tick(first?.expiresAt);
    this.#focus();
  }

  /** Says of the question that is shown how it ended, where somebody else has ended it. */
  #sayClosed(waiting: readonly TerminalPrompt[]): void {
    const id = this.#asking?.id ?? '';
    if (id === '' || this.#answered.has(id) || waiting.some((one) => one.id === id)) return;
    const item = dialogFor(this.#session.transcript, id);
    // An open dialog of a prompt that is over is closed next, and then reported.
    if (item?.state !== 'open') this.say(`Closed: ${this.#screen.receipts.closedText(item)}.`);
  }

  submit(text: string, deliverAs: DeliverAs = this.#session.transcript.busy ? 'steer' : 'prompt'): void {
    if (text === '') return;
    const typed = parseEditorInput(text);
    if (typed.kind === 'slash') return this.#slash(typed.name, typed.rest);
    if (typed.kind === 'unknown') {
      this.#giveBack(text);
      return this.say(`Unknown command //${typed.name}. //help lists the commands.`, 'warning');
    }
    if (this.#queue.submit(text)) return;
    const { blocked } = this.#screen;
    if (blocked !== undefined) {
      this.#giveBack(text);
      return this.say(blocked, 'warning');
    }
    this.#keep(text);
    this.#screen.pane.anchor = { kind: 'end' };
    this.#screen.notice = undefined;
    this.#screen.outgoing = this.#screen.outgoing.filter(({ refused }) => refused === undefined);
    void this.#send(text, deliverAs);
  }

  /** Shows a line for a while. */
  say(text: string, tint: 'dim' | 'warning' | 'error' = 'dim'): void {
    const notice = { text, tint };
    this.#screen.notice = notice;
    this.#ui.requestRender();
    const drop = () => {
      if (this.#screen.notice !== notice) return;
      this.#screen.notice = undefined;
      this.#ui.requestRender();
    };
    setTimeout(drop, tint === 'dim' ? NOTICE_MS : PROBLEM_MS).unref();
  }

  loadEarlier(): Promise<void> {
    return this.#load(() => this.#session.loadEarlier());
  }

  async #load(load: () => ReturnType<Session['loadEarlier']>): Promise<void> {
    if (!this.#session.hasEarlier || this.#screen.loadingEarlier) return;
    this.#screen.loadingEarlier = true;
    this.#ui.requestRender();
    const page = await load();
    this.#screen.loadingEarlier = false;
    if (page.kind === 'failed') this.#refused(page.error);
    this.#ui.requestRender();
  }

  /** Counts down to the end of a question that closes by itself. */
  #tick(expiresAt: number | undefined): void {
    this.#screen.expiresAt = expiresAt;
    clearInterval(this.#ticking);
    if (expiresAt !== undefined) this.#ticking = setInterval(() => this.#ui.requestRender(), 1_000).unref();
  }

  async #send(text: string, deliverAs: DeliverAs): Promise<void> {
    const outgoing: OutgoingInput = { text };
    this.#screen.outgoing = [...this.#screen.outgoing, outgoing];
    const outcome = await sendToHost(this.#session, this.#screen, text, deliverAs);
    if (outcome.kind === 'unknown') {
      const named = outcome.commandId === undefined ? '' : ` Its id is ${outcome.commandId}.`;
      this.say(`${UNSURE}${named} Check the transcript before you send it again (↑ restores the text).`, 'warning');
    } else if (outcome.kind === 'refused') outgoing.refused = outcome.error.message;
    else {
      outgoing.commandId = outcome.commandId;
      this.#screen.receipts.sent(outcome.commandId);
      this.#ui.requestRender();
      const result = await this.#session.result(outcome.commandId);
      if (result.kind === 'failed') outgoing.refused = result.error.message;
    }
    // What was refused stays in sight until something else is sent, and can be changed at once.
    if (outgoing.refused !== undefined) this.#giveBack(text);
    else this.#screen.outgoing = this.#screen.outgoing.filter((other) => other !== outgoing);
    this.#ui.requestRender();
  }

  /** Sends a command and says what went wrong, if anything did. */
  async #command(name: string, args: Record<string, unknown> = {}): Promise<Carried> {
    const carried = await this.#carryOut(name, args);
    if (carried.kind === 'failed') this.say(carried.error.message, 'error');
    return carried;
  }

  async #carryOut(name: string, args: Record<string, unknown>): Promise<Carried> {
    const sent = await this.#session.command(name, args);
    if (sent.kind === 'refused') return { kind: 'failed', error: sent.error };
    if (sent.kind === 'unknown') {
      this.say(sent.commandId === undefined ? UNSURE : `${UNSURE} Its id is ${sent.commandId}.`, 'warning');
      return { kind: 'unsure' };
    }
    const outcome = await this.#session.result(sent.commandId);
    if (outcome.kind === 'failed') return outcome;
    return { kind: outcome.kind === 'closed' ? 'unsure' : 'done' };
  }

  /** Asks a prompt, or one of its steps: to dismiss a step leads back to the prompt. */
  #ask(prompt: TerminalPrompt, step: AskStep = prompt): void {
    this.#show(prompt.id, step.ask, (answer) => {
      if (answer.kind === 'dismiss') return step === prompt ? void this.#answer(prompt.id, answer) : this.#ask(prompt);
      const outcome = step.next(answer.value);
      if (outcome.kind === 'ask') this.#ask(prompt, outcome.step);
      else void this.#answer(prompt.id, outcome);
    });
  }

  async #answer(id: string, answer: AskAnswer): Promise<void> {
    this.#answered.add(id);
    this.#close();
    this.sync();
    const value = answer.kind === 'answer' ? { value: answer.value } : {};
    const carried = await this.#carryOut('dialog_response', { dialogId: id, ...value });
    // What was not taken is asked again, if it still waits.
    if (carried.kind !== 'done') this.#answered.delete(id);
    if (carried.kind === 'failed') {
      const { error } = carried;
      const { receipts } = this.#screen;
      receipts.answerRefused(id, error);
      this.say(receipts.refusalText(error, dialogFor(this.#session.transcript, id)), 'warning');
    }
    this.sync();
    this.#ui.requestRender();
  }

  /** Lets the person choose for this client itself. */
  #choose(title: string, labels: readonly string[], chosen: (label: string) => void): void {
    const choices = labels.map((label) => ({ label, value: label }));
    this.#show('', { title, details: '', choices }, (answer) => {
      this.#close();
      this.sync();
      if (answer.kind === 'answer' && typeof answer.value === 'string') chosen(answer.value);
    });
  }

  #show(id: string, ask: Ask, onAnswer: (answer: AskAnswer) => void): void {
    const box = new AskBox(this.#ui, ask);
    box.onAnswer = onAnswer;
    this.#asking = { id, box };
    this.#screen.question = box;
    // Somebody who is writing goes on writing: the next enter must not answer what they have not read.
    const isWriting = this.#screen.hasEditor && this.#screen.editor.focused && this.#screen.editor.getText() !== '';
    if (isWriting) this.say(CAME, 'warning');
    else this.#ui.setFocus(box);
    this.#ui.requestRender();
  }

  #close(): void {
    this.#asking = undefined;
    this.#screen.question = undefined;
    if (this.#screen.notice?.text === CAME) this.#screen.notice = undefined;
    this.#focus();
    this.#ui.requestRender();
  }

  /** Gives the keyboard to the editor when nothing (more) is asked. */
  #focus(): void {
    const box = this.#asking?.box;
    const { editor, hasEditor } = this.#screen;
    if (box !== undefined && (box.focused || hasEditor)) return;
    this.#ui.setFocus(box ?? (hasEditor ? editor : null));
  }

  /** Whether a key was ours. */
  #key(data: string): boolean {
    if (isKeyRelease(data)) return false;
    const key = CLIENT_KEYS.find((known) => matchesKey(data, known));
    if (this.#screen.page !== undefined) {
      this.#screen.page = undefined;
      this.#ui.requestRender();
      if (key === 'escape' || key === 'q') return true;
    }
    if (key === undefined) return false;
    const { editor, hasEditor, blocked } = this.#screen;
    const box = this.#asking?.box;
    const action = actionOf(key, {
      focus: box?.focused === true ? 'question' : hasEditor ? 'editor' : 'nothing',
      both: box !== undefined && hasEditor,
      written: hasEditor && editor.getText() !== '',
      canAbort: this.#session.transcript.busy && blocked === undefined,
      isEditing: this.#queue.isEditing,
      sinceCtrlC: performance.now() - this.#ctrlC,
    });
    if (key === 'ctrl+c') this.#ctrlC = performance.now();
    if (action === 'pass') return false;
    this.#act(action);
    this.#ui.requestRender();
    return true;
  }

  #act(action: Exclude<KeyAction, 'pass'>): void {
    const { pane, editor } = this.#screen;
    switch (action) {
      case 'quit':
        return this.#leave();
      case 'warn':
        return this.say(LEAVES);
      case 'clear':
        editor.setText('');
        return this.say(LEAVES);
      case 'abort':
        return this.#queue.stop();
      case 'take_back':
        return this.#queue.takeBackLast();
      case 'cancel_edit':
        return this.#queue.cancelEdit();
      case 'page_up':
        pane.page(-1);
        return pane.isAtStart ? void this.loadEarlier() : undefined;
      case 'page_down':
        return pane.page(1);
      case 'first':
        return void this.#finder.toBeginning();
      case 'last':
        pane.anchor = { kind: 'end' };
        return;
      case 'thinking':
        pane.look = { ...pane.look, thinking: !pane.look.thinking };
        return this.say(pane.look.thinking ? 'Thinking is shown.' : 'Thinking is hidden.');
      case 'expand':
        pane.look = { ...pane.look, expanded: !pane.look.expanded };
        return;
      case 'follow_up': {
        const text = editor.getExpandedText().trim();
        editor.setText('');
        return this.submit(text, this.#session.transcript.busy ? 'followUp' : 'prompt');
      }
      case 'switch': {
        const box = this.#asking?.box;
        return this.#ui.setFocus(box === undefined || box.focused ? editor : box);
      }
    }
  }

  #slash(name: SlashName, rest: string): void {
    this.#screen.notice = undefined;
    switch (name) {
      case 'help':
        this.#screen.page = helpText();
        return this.#ui.requestRender();
      case 'quit':
      case 'detach':
        return this.#leave();
      case 'abort':
        return this.#queue.stop(rest === '' ? undefined : rest);
      case 'continue':
        return this.#continue();
      case 'onstop':
        return this.#queue.setOnStop(rest);
      case 'queue':
        this.#queue.show();
        return this.#ui.requestRender();
      case 'edit':
      case 'take':
      case 'remove':
      case 'up':
      case 'down':
      case 'now':
        return this.#queue.slash(name, rest);
      case 'find':
        return void this.#finder.find(rest);
      case 'first':
      case 'last':
        this.#act(name);
        return this.#ui.requestRender();
      case 'earlier':
        this.#screen.pane.toStart();
        return void this.loadEarlier();
      case 'model':
        return rest === '' ? void this.#chooseModel() : void this.#command('model_set', { model: rest });
      case 'thinking': {
        const set = (level: string) => void this.#command('set_thinking_level', { level });
        return rest === '' ? this.#choose('Choose the thinking level', THINKING_LEVELS, set) : set(rest);
      }
    }
  }

  /** Has the agent continue what the stop of its host has ended. */
  #continue(): void {
    if (this.#screen.canContinue) this.submit(CONTINUE_INPUT, 'prompt');
    else this.say('Nothing to continue: the agent was not interrupted.', 'warning');
  }

  async #chooseModel(): Promise<void> {
    const { info, meta } = this.#session;
    const reply = await this.#api.runner(info.runnerId);
    if (reply.kind === 'failed') return this.#refused(reply.error);
    const models = reply.value.runner.models.filter(({ available }) => available).map(({ model }) => model);
    const set = (model: string) => void this.#command('model_set', { model });
    this.#choose(`Choose the model. Current model: ${modelOf(info, meta)}`, models, set);
  }

  #keep(text: string): void {
    this.#screen.editor.addToHistory(text);
    this.history.push(text);
  }

  /** Text that was not taken is there again, unless something else has been written meanwhile. */
  #giveBack(text: string): void {
    const { editor } = this.#screen;
    if (editor.getText() === '') editor.setText(text);
  }

  #refused({ message }: ErrorInfo): void {
    this.say(message, 'error');
  }
}
