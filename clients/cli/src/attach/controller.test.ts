import { isMap, type QueueOnStop } from '@pizzapi/protocol';
import { createApi, openSession, type Session } from '@pizzapi/session-client';
import { initialiseTheme, TUI } from '@pizzapi/runner/terminal';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { scriptedSession, type ScriptedSession } from '../testing/scriptedSession.js';
import { Controller } from './controller.js';
import type { QueueOnStopAnswer } from './queueOnStop.js';
import { Screen } from './screen.js';
import { namesFor } from './status.js';

/** A terminal that nobody looks at. */
const NOWHERE = {
  columns: 100,
  rows: 40,
  kittyProtocolActive: false,
  ...Object.fromEntries(
    ['start', 'stop', 'write', 'moveBy', 'hideCursor', 'showCursor', 'clearLine', 'clearFromCursor', 'clearScreen'].map(
      (name) => [name, () => undefined],
    ),
  ),
} as unknown as ConstructorParameters<typeof TUI>[0];

let gateway: ScriptedSession;
let session: Session;
let screen: Screen;
let controller: Controller;
let answer: QueueOnStop | undefined;
const onStop: QueueOnStopAnswer = { get: () => answer, set: (now) => (answer = now) };

beforeEach(async () => {
  initialiseTheme();
  answer = undefined;
  gateway = await scriptedSession();
  session = openSession({ url: gateway.url, sessionId: 's1', WebSocket });
  const ui = new TUI(NOWHERE, false);
  screen = new Screen(ui, session, namesFor('me'));
  controller = new Controller(ui, session, screen, createApi({ url: gateway.url }), () => undefined, {
    me: 'me',
    onStop,
  });
  session.subscribe(() => controller.sync());
  await shows('Live');
});
afterEach(async () => {
  session.close();
  await gateway.close();
});

const STYLE = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, 'g');
const text = () =>
  screen
    .render(100)
    .map((line) => line.replace(STYLE, '').trimEnd())
    .join('\n');
const patient = { timeout: 10_000 };
const shows = (what: string) => expect.poll(text, patient).toContain(what);
const hides = (what: string) => expect.poll(text, patient).not.toContain(what);

const by = { userId: 'me', via: 'owner' } as const;
const received = { type: 'input_received', at: 1, commandId: 'c1', text: 'Hello', by, deliverAs: 'prompt' };
const failed = (code: string, name: string) => ({
  ...{ type: 'command_result', at: 2, commandId: 'c1', ok: false, name },
  error: { code, message: `It is ${code}.` },
});

describe('a run that the stop of its host has ended', () => {
  it('is named, and //continue has the agent continue', async () => {
    gateway.append({ type: 'agent_start', at: 1 }, { type: 'session_resumed', at: 2, epoch: 2 });
    await shows('The host was stopped while the agent wrote. //continue has it continue.');
    controller.submit('//continue');
    await expect
      .poll(() => gateway.sent, patient)
      .toMatchObject([{ type: 'input', text: 'Continue where you stopped.' }]);
    gateway.append({ type: 'agent_start', at: 3 });
    await hides('//continue has it continue');
    controller.submit('//continue');
    await shows('Nothing to continue: the agent was not interrupted.');
    expect(gateway.sent).toHaveLength(1);
  });
});

describe('what is sent', () => {
  it('is sending, sent, queued and delivered', async () => {
    controller.submit('Hello');
    await shows('Sent: Hello');
    gateway.append(received);
    await shows('Queued: Hello');
    gateway.append(
      { type: 'input_delivered', at: 2, commandId: 'c1' },
      {
        ...{ type: 'message_end', at: 3, messageId: 'm', message: { role: 'user', content: 'Hello' } },
        origin: { commandId: 'c1', by },
      },
    );
    await shows('✓ delivered');
    await hides('Queued');
    expect(gateway.sent).toHaveLength(1);
  });

  it('says why it did not get there, and is there to be changed', async () => {
    controller.submit('Hello');
    await shows('Sent: Hello');
    gateway.append(failed('command_expired', 'input'));
    await shows('Not delivered: Hello · It is command_expired.');
    expect(screen.editor.getText()).toBe('Hello');
    controller.submit('Again');
    await shows('Sent: Again');
    await hides('Not delivered');
  });

  it('waits for a host that its gateway has not heard of yet', async () => {
    gateway.refuse = 'host_lost';
    controller.submit('Hello');
    await expect.poll(() => gateway.refuse, patient).toBeUndefined();
    await shows('Sending: Hello');
    await expect.poll(() => gateway.sent, patient).toHaveLength(1);
  });
});

describe('a question', () => {
  const opened = { type: 'dialog_opened', at: 1, dialogId: 'd1', method: 'confirm', title: 'Sure?' };
  const resolved = (value: boolean, name?: string) => ({
    ...{ type: 'dialog_resolved', at: 2, dialogId: 'd1', value, outcome: 'answered' },
    by: name === undefined ? by : { userId: name, via: 'owner', name },
  });

  it('that somebody else has answered first says so where it stands', async () => {
    gateway.append(opened);
    await shows('→ Yes');
    screen.question!.handleInput!('\r');
    await expect.poll(() => gateway.sent, patient).toMatchObject([{ args: { dialogId: 'd1', value: true } }]);
    gateway.append(resolved(false, 'Ada'), failed('dialog_late', 'dialog_response'));
    await shows('→ No (Ada)\n Too late: Ada already answered.');
  });

  it('closes when it is answered elsewhere, and says by whom', async () => {
    gateway.append(opened);
    await shows('enter answer');
    gateway.append(resolved(true, 'Ada'));
    await hides('enter answer');
    await shows('Closed: Ada already answered.');
  });

  it('is asked again when the answer did not count', async () => {
    gateway.append(opened);
    await shows('enter answer');
    screen.question!.handleInput!('\r');
    await hides('enter answer');
    gateway.append(failed('dialog_invalid_answer', 'dialog_response'));
    await shows('Not delivered: It is dialog_invalid_answer.');
    await shows('enter answer');
  });
});

describe('a prompt of several steps', () => {
  const pending = {
    ...{ type: 'question_pending', at: 1 },
    question: {
      toolCallId: 'q1',
      questions: [
        { question: 'Which oven?', options: ['Wood', 'Gas'] },
        { question: 'Its name?', options: [] },
      ],
    },
  };
  const step = { type: 'dialog_opened', at: 1, dialogId: 'd1', method: 'select', title: 'Which oven?', promptId: 'q1' };

  it('is asked at once, whether or not its host opens dialogs for it, and answered as a whole', async () => {
    gateway.append(pending, { ...step, options: ['Wood', 'Gas'] });
    await shows('Question 1 of 2');
    screen.question!.handleInput!('\r');
    await shows('Question 2 of 2');
    for (const key of 'Ada') screen.question!.handleInput!(key);
    screen.question!.handleInput!('\r');
    await expect
      .poll(() => gateway.sent, patient)
      .toMatchObject([{ args: { dialogId: 'q1', value: ['Wood', 'Ada'] } }]);
  });

  it('is asked from the start again where a later step is dismissed', async () => {
    gateway.append(pending);
    await shows('Question 1 of 2');
    screen.question!.handleInput!('\r');
    await shows('Question 2 of 2');
    screen.question!.handleInput!('\u001b');
    await shows('Question 1 of 2');
    expect(gateway.sent).toEqual([]);
  });
});

describe('the queue', () => {
  const bob = { userId: 'guest_sh_bob', via: 'collab', name: 'Bob' };
  const waits = (commandId: string, what: string, author: object = by) => ({
    ...{ type: 'input_received', at: 1, commandId, text: what, by: author, deliverAs: 'followUp' },
  });
  const listed = (...ids: string[]) => ({
    ...{ type: 'queue_update', at: 2, steering: [], followUp: [] },
    items: ids.map((commandId) => ({ commandId, deliverAs: 'followUp' })),
  });
  const ok = (n: number) => ({ type: 'command_result', at: 3, commandId: `c${n}`, ok: true });
  const sent = (count: number) => expect.poll(() => gateway.sent, patient).toHaveLength(count);
  const lastSent = () => {
    const frame: unknown = gateway.sent.at(-1);
    return isMap(frame) ? [frame['name'], frame['args']] : [];
  };

  beforeEach(async () => {
    gateway.append(
      { type: 'agent_start', at: 1 },
      waits('i1', 'First'),
      waits('i2', 'Of Bob', bob),
      waits('i3', 'Third'),
    );
    gateway.append(listed('i1', 'i2', 'i3'));
    await shows('3. Queued until the agent is done: Third');
  });

  it('is a numbered list, and each command of the queue names the message of its number', async () => {
    expect(text()).toContain(
      '1. Queued until the agent is done: First\n2. Queued until the agent is done (Bob): Of Bob',
    );
    controller.submit('//up 3');
    await sent(1);
    expect(lastSent()).toEqual(['queue_move', { inputId: 'i3', before: 'i2' }]);
    gateway.append(listed('i1', 'i3', 'i2'));
    await shows('First\n3. Queued until the agent is done: Third\n2. Queued');
    controller.submit('//down 1');
    await sent(2);
    expect(lastSent()).toEqual(['queue_move', { inputId: 'i1', before: 'i2' }]);
    controller.submit('//now 3');
    await sent(3);
    expect(lastSent()).toEqual(['queue_send_now', { inputId: 'i3' }]);
    controller.submit('//remove 2');
    await sent(4);
    expect(lastSent()).toEqual(['queue_remove', { inputId: 'i2' }]);
    controller.submit('//now 7');
    await shows('No message 7 waits.');
    expect(gateway.sent).toHaveLength(4);
  });

  it('gives a message back for editing, and sends the new text; what the host refuses is in the editor again', async () => {
    controller.submit('//edit 1');
    expect(screen.editor.getText()).toBe('First');
    screen.editor.setText('');
    controller.submit('First, edited');
    await sent(1);
    expect(lastSent()).toEqual(['queue_edit', { inputId: 'i1', text: 'First, edited' }]);
    gateway.append(failed('input_not_queued', 'queue_edit'));
    await expect.poll(() => screen.editor.getText(), patient).toBe('First, edited');
    controller.submit('//edit 2');
    await shows('Only the person who wrote a message can edit it.');
    expect(gateway.sent).toHaveLength(1);
  });

  it('gives a message back to the editor once it is out of the queue', async () => {
    screen.editor.setText('A draft');
    controller.submit('//take 3');
    await sent(1);
    expect(screen.editor.getText()).toBe('A draft');
    gateway.append(ok(1));
    await expect.poll(() => screen.editor.getText(), patient).toBe('Third\n\nA draft');
  });

  it('is kept or dropped by a stop, which asks once and remembers the answer', async () => {
    controller.submit('//abort');
    await shows('Stop the agent. And the queue?');
    expect(gateway.sent).toEqual([]);
    screen.question!.handleInput!('\r');
    await sent(1);
    expect([lastSent(), answer]).toEqual([['abort', { queue: 'keep' }], 'keep']);
    controller.submit('//abort');
    await sent(2);
    expect(lastSent()).toEqual(['abort', { queue: 'keep' }]);
    controller.submit('//onstop drop');
    await shows('A stop discards the queue.');
    controller.submit('//abort');
    await sent(3);
    expect(lastSent()).toEqual(['abort', { queue: 'drop' }]);
    gateway.append({ type: 'agent_end', at: 4 });
    await shows('Stopped. The agent reads the queue before your next message.');
  });
});

describe('a way through the transcript', () => {
  const message = (n: number, content: string) => ({
    ...{ type: 'message_end', at: n, messageId: `m${n}`, entryId: `m${n}` },
    message: { role: n % 2 === 0 ? 'user' : 'assistant', content: [{ type: 'text', text: content }] },
  });
  const shown = () => screen.render(100).join('\n');

  it('//find goes to the newest match, then to the one before, and marks it', async () => {
    gateway.append(
      ...Array.from({ length: 200 }, (_, n) => message(n, n % 50 === 0 ? `**Dough** number ${n}` : `Line ${n}`)),
    );
    await shows('Line 199');
    controller.submit('//find dough NUMBER');
    await shows('“dough NUMBER”: 1 of 4');
    await expect.poll(shown, patient).toContain('\u001b[7mDough number\u001b[27m 150');
    controller.submit('//find');
    await shows('2 of 4');
    await expect.poll(shown, patient).toContain('\u001b[7mDough number\u001b[27m 100');
    controller.submit('//find no such text');
    await shows('No match for “no such text”.');
  });

  it('//first goes to the beginning, and //last to the end', async () => {
    gateway.append(...Array.from({ length: 200 }, (_, n) => message(n, `Line ${n}.`)));
    await shows('Line 199.');
    controller.submit('//first');
    await shows('Line 0.');
    await hides('Line 199.');
    controller.submit('//last');
    await shows('Line 199.');
  });

  it('//find opens the output of a tool that has the match', async () => {
    const args = { command: 'cat list' };
    const text = Array.from({ length: 90 }, (_, n) => (n === 30 ? 'semolina' : `item ${n}`)).join('\n');
    gateway.append(
      { type: 'tool_execution_start', at: 1, toolCallId: 't1', toolName: 'bash', args },
      {
        type: 'tool_execution_end',
        at: 2,
        toolCallId: 't1',
        toolName: 'bash',
        result: { content: [{ type: 'text', text }] },
        isError: false,
      },
    );
    await shows('cat list');
    expect(text).toContain('semolina');
    expect(shown()).not.toContain('semolina');
    controller.submit('//find semolina');
    await expect.poll(shown, patient).toContain('\u001b[7msemolina\u001b[27m');
  });
});
