import {
  isDroppedByStop,
  isSamePerson,
  QUEUE_ON_STOP,
  queuedInputs,
  stepInQueue,
  type QueuedInput,
  type QueueOnStop,
} from '@pizzapi/protocol';
import type { Session } from '@pizzapi/session-client';
import type { QueueOnStopAnswer } from './queueOnStop.js';
import type { Screen } from './screen.js';

export interface QueueControllerDeps {
  session: Pick<Session, 'transcript' | 'mode'>;
  screen: Pick<Screen, 'editor' | 'numbers' | 'receipts' | 'queuePage' | 'page'>;
  /** The id of the person's account; undefined for a guest. */
  me: string | undefined;
  onStop: QueueOnStopAnswer;
  /** Sends a command. Returns whether it was carried out. */
  command: (name: string, args: Record<string, unknown>) => Promise<boolean>;
  say: (text: string, tint?: 'warning') => void;
  choose: (title: string, labels: readonly string[], chosen: (label: string) => void) => void;
}

/** The commands of this client that change one message of the queue. */
export type QueueSlashName = 'edit' | 'take' | 'remove' | 'up' | 'down' | 'now';

const ANSWERS: Readonly<Record<string, QueueOnStop>> = {
  'Keep the queue: the agent reads it before your next message': 'keep',
  'Discard the queue': 'drop',
};

/** What the person does with the queue. */
export class QueueController {
  /** The message whose text is in the editor. */
  #editing: QueuedInput | undefined;

  constructor(private readonly deps: QueueControllerDeps) {}

  get isEditing(): boolean {
    return this.#editing !== undefined;
  }

  /** Carries out a command that names a message by its number. `rest`: the number, and a text where one is possible. */
  slash(name: QueueSlashName, rest: string): void {
    const [, digits = '', text = ''] = /^(\d*)\s*([^]*)$/.exec(rest) ?? [];
    const commandId = this.deps.screen.numbers.commandOf(Number(digits));
    const item = this.#queue.find((one) => one.commandId === commandId);
    if (commandId === undefined || item === undefined) {
      const hint = 'The numbers are in front of the messages: //queue lists them.';
      return this.deps.say(
        digits === '' ? `Name a message: //${name} 1. ${hint}` : `No message ${digits} waits. ${hint}`,
        'warning',
      );
    }
    switch (name) {
      case 'edit':
        return text === '' ? this.#beginEdit(item) : void this.#edit(commandId, text);
      case 'take':
        return void this.#takeBack(item);
      case 'remove':
        return void this.deps.command('queue_remove', { inputId: commandId });
      case 'up':
      case 'down': {
        const args = stepInQueue(this.#queue, commandId, name);
        return args === undefined ? undefined : void this.deps.command('queue_move', args);
      }
      case 'now':
        return void this.deps.command('queue_send_now', { inputId: commandId });
    }
  }

  /** Shows the whole queue. */
  show(): void {
    this.deps.screen.page = this.deps.screen.queuePage;
  }

  /** Takes the last own message back into the empty editor. */
  takeBackLast(): void {
    const item = this.#queue.findLast((one) => this.#isOwn(one));
    if (item === undefined) this.deps.say('None of your messages waits.');
    else void this.#takeBack(item);
  }

  /** Sends the text in the editor as the new text of the message that is being edited. False: none is. */
  submit(text: string): boolean {
    const commandId = this.#editing?.commandId;
    this.#editing = undefined;
    if (commandId === undefined) return false;
    void this.#edit(commandId, text);
    return true;
  }

  cancelEdit(): void {
    this.#editing = undefined;
    this.deps.screen.editor.setText('');
    this.deps.say('The message stays as it is.');
  }

  /** Stops the agent. Asks once what happens to the queue; `answer` is asked for here. */
  stop(answer?: string): void {
    const { onStop, choose, command } = this.deps;
    const queue = QUEUE_ON_STOP.find((known) => known === answer) ?? onStop.get();
    const canDrop = this.#queue.some((item) => this.#isDroppedByStop(item));
    if (answer !== undefined && answer !== queue) return this.#sayAnswers();
    if (!canDrop) return void command('abort', {});
    if (queue !== undefined) return void command('abort', { queue });
    choose(
      'Stop the agent. And the queue? The answer is remembered: //onstop changes it',
      Object.keys(ANSWERS),
      (label) => {
        const chosen = ANSWERS[label];
        if (chosen === undefined) return;
        onStop.set(chosen);
        void command('abort', { queue: chosen });
      },
    );
  }

  /** Shows or sets what a stop does with the queue. */
  setOnStop(answer: string): void {
    const { onStop, say } = this.deps;
    const queue = QUEUE_ON_STOP.find((known) => known === answer);
    if (queue === undefined && answer !== 'ask' && answer !== '') return this.#sayAnswers();
    if (answer !== '') onStop.set(queue);
    const does = { keep: 'keeps the queue', drop: 'discards the queue', ask: 'asks about the queue' };
    say(`A stop ${does[onStop.get() ?? 'ask']}. Change it: //onstop keep, drop or ask.`);
  }

  #sayAnswers(): void {
    this.deps.say('Say keep or drop: //abort keep, //onstop drop. //onstop ask asks again.', 'warning');
  }

  get #queue(): QueuedInput[] {
    return queuedInputs(this.deps.session.transcript);
  }

  #isOwn({ commandId, by }: QueuedInput): boolean {
    const { me, screen } = this.deps;
    const isMine = me !== undefined && isSamePerson({ userId: me, via: 'owner' }, by);
    return commandId !== undefined && (isMine || screen.receipts.isOwn(commandId));
  }

  /** A guest does not know the id of the guest: the host decides. */
  #mayBeOwn(item: QueuedInput): boolean {
    return this.#isOwn(item) || (this.deps.session.mode !== 'owner' && item.by?.via === 'collab');
  }

  #isDroppedByStop(item: QueuedInput): boolean {
    const { me, session } = this.deps;
    if (session.mode !== 'owner') return this.#isOwn(item);
    return isDroppedByStop({ userId: me ?? '', via: 'owner' }, item.by);
  }

  #beginEdit(item: QueuedInput): void {
    const { editor } = this.deps.screen;
    if (!this.#mayBeOwn(item)) return this.deps.say('Only the person who wrote a message can edit it.', 'warning');
    this.#editing = item;
    editor.setText(item.text);
    this.deps.say('Enter saves the message in the queue, esc leaves it as it is.');
  }

  /** What was not taken is in the editor again. */
  async #edit(inputId: string, text: string): Promise<void> {
    if (await this.deps.command('queue_edit', { inputId, text })) return;
    const { editor } = this.deps.screen;
    if (editor.getText() === '') editor.setText(text);
  }

  async #takeBack(item: QueuedInput): Promise<void> {
    const { command, screen, say } = this.deps;
    if (!this.#mayBeOwn(item)) return say('That is a message of another person: //remove takes it out.', 'warning');
    if (!(await command('queue_remove', { inputId: item.commandId }))) return;
    const written = screen.editor.getText();
    screen.editor.setText(written === '' ? item.text : `${item.text}\n\n${written}`);
  }
}
