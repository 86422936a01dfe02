import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SESSION_EVENT_TYPES } from '../../events.js';
import {
  applyDelta,
  applyEvent,
  applyPartial,
  createTranscript,
  foldTranscript,
  needsPartial,
  openDialogs,
  textOf,
} from './index.js';
import type { MessageItem, Transcript } from './index.js';

const start = (messageId: string, role = 'assistant') => ({ type: 'message_start', at: 1, messageId, role });
const end = (messageId: string, content: unknown, role = 'assistant') => ({
  type: 'message_end',
  at: 2,
  messageId,
  entryId: 'e',
  message: { role, content },
});
const text = (n: number, messageId: string, delta: string, index = 0) => ({
  type: 'text_delta',
  at: 1,
  n,
  messageId,
  index,
  text: delta,
});
const message = (t: Transcript, id: string) => t.items.find((item) => item.id === id) as MessageItem;

function given(...events: unknown[]): Transcript {
  return foldTranscript(
    createTranscript(),
    events.map((event, index) => [index + 1, event] as const),
  );
}

describe('a transcript', () => {
  it('a message that is rebuilt from its deltas is the same as its end event', () => {
    const t = given(start('m'));
    ['Hel', 'lo ', 'world'].forEach((delta, index) => applyDelta(t, text(index + 1, 'm', delta)));
    const streamed = message(t, 'm');
    expect(streamed).toMatchObject({ open: true, blocks: [{ kind: 'text', text: 'Hello world' }] });
    applyEvent(t, 2, end('m', [{ type: 'text', text: 'Hello world' }]));
    expect(message(t, 'm').blocks).toEqual(streamed.blocks);
    expect(message(t, 'm').open).toBe(false);
  });

  it('a delta that arrives before the start of its message does not change the finished message', () => {
    const events = [{ ...start('m'), at: 5 }, end('m', 'done')];
    const t = createTranscript();
    applyDelta(t, { ...text(1, 'm', 'do'), at: 9 });
    expect(
      message(
        foldTranscript(
          t,
          events.map((event, index) => [index + 1, event] as const),
        ),
        'm',
      ),
    ).toEqual(message(given(...events), 'm'));
  });

  it('a delta that arrives after the end of its message changes nothing', () => {
    const t = given(start('m'), end('m', 'done'));
    expect(applyDelta(t, text(1, 'm', 'late')).items).toEqual([]);
    expect(textOf(message(t, 'm'))).toBe('done');
  });

  it('after a lost delta a message shows a correct beginning until a snapshot restores the rest', () => {
    const t = given(start('m'));
    applyDelta(t, text(1, 'm', 'one '));
    applyDelta(t, text(3, 'm', 'three'));
    expect(needsPartial(t)).toBe(true);
    applyDelta(t, text(4, 'm', ' four'));
    expect(textOf(message(t, 'm'))).toBe('one ');
    applyPartial(t, {
      n: 4,
      open: [{ messageId: 'm', blocks: [{ index: 0, kind: 'text', text: 'one two three four' }] }],
      tools: [],
    });
    applyDelta(t, text(5, 'm', ' five'));
    expect(needsPartial(t)).toBe(false);
    expect(textOf(message(t, 'm'))).toBe('one two three four five');
  });

  it('whichever deltas are lost, the end of a message shows it completely', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ minLength: 1 }), { minLength: 1 }), fc.array(fc.boolean()), (deltas, lost) => {
        const whole = deltas.join('');
        const t = given(start('m'));
        deltas.forEach((delta, index) => {
          if (lost[index] !== true) applyDelta(t, text(index + 1, 'm', delta));
          // The loss of a first delta is detected only when the next delta or the end arrives.
          if (lost[0] !== true) expect(whole.startsWith(textOf(message(t, 'm')))).toBe(true);
        });
        applyEvent(t, 2, end('m', [{ type: 'text', text: whole }]));
        expect(message(t, 'm')).toMatchObject({ open: false, broken: false });
        expect(textOf(message(t, 'm'))).toBe(whole);
      }),
    );
  });

  it('an event at an offset that was already folded changes nothing', () => {
    const t = given(start('m'), end('m', 'hi'));
    const items = structuredClone(t.items);
    expect(applyEvent(t, 2, end('other', 'again'))).toEqual({ items: [], state: false });
    expect(t.items).toEqual(items);
  });

  it('the run and the result of a tool are shown in the message that called it', () => {
    const call = { type: 'toolCall', id: 't1', name: 'bash', arguments: { command: 'ls' } };
    const t = given(start('m'), end('m', [{ type: 'text', text: 'Looking.' }, call]), {
      type: 'tool_execution_start',
      at: 3,
      toolCallId: 't1',
      toolName: 'bash',
      args: { command: 'ls' },
    });
    applyDelta(t, { type: 'tool_output_delta', at: 4, n: 1, toolCallId: 't1', text: 'a.ts\n' });
    expect(message(t, 'm').blocks[1]).toMatchObject({
      kind: 'tool',
      state: 'running',
      output: 'a.ts\n',
      args: { command: 'ls' },
    });
    applyEvent(t, 4, {
      type: 'tool_execution_end',
      at: 5,
      toolCallId: 't1',
      toolName: 'bash',
      isError: false,
      result: { content: [{ type: 'text', text: 'a.ts\nb.ts' }] },
    });
    applyEvent(t, 5, {
      ...end('r', [{ type: 'text', text: 'a.ts\nb.ts' }]),
      message: { role: 'toolResult', toolCallId: 't1', content: [{ type: 'text', text: 'a.ts\nb.ts' }] },
    });
    expect(message(t, 'm').blocks[1]).toMatchObject({
      state: 'done',
      content: [{ kind: 'text', text: 'a.ts\nb.ts' }],
      startedAt: 3,
      endedAt: 5,
    });
    expect(t.items).toHaveLength(1);
  });

  it('the transcript shows an input from its receipt to its message', () => {
    const by = { userId: 'owner', via: 'owner' };
    const t = given({ type: 'input_received', at: 1, commandId: 'c', text: 'hi', by, deliverAs: 'prompt' });
    expect(t.pendingInputs).toMatchObject([{ commandId: 'c', text: 'hi' }]);
    applyEvent(t, 1, { type: 'input_received', at: 1, commandId: 'c', text: 'hi', by, deliverAs: 'prompt' });
    expect(t.pendingInputs).toHaveLength(1);
    applyEvent(t, 2, start('u', 'user'));
    applyEvent(t, 3, { type: 'input_delivered', at: 2, commandId: 'c' });
    applyEvent(t, 4, end('u', 'hi', 'user'));
    expect(t.pendingInputs).toEqual([]);
    expect(message(t, 'u')).toMatchObject({ role: 'user', commandId: 'c', by });
  });

  it('a dialog is open until the first valid answer; a later answer changes nothing', () => {
    const t = given({
      type: 'dialog_opened',
      at: 1,
      dialogId: 'd',
      method: 'select',
      title: 'Which?',
      options: ['a', 'b'],
    });
    expect(openDialogs(t).map(({ item }) => item.id)).toEqual(['d']);
    applyEvent(t, 2, {
      type: 'dialog_resolved',
      at: 2,
      dialogId: 'd',
      value: 'a',
      by: { userId: 'owner', via: 'owner' },
    });
    applyEvent(t, 3, { type: 'dialog_resolved', at: 3, dialogId: 'd', value: 'b', by: { userId: 'x', via: 'collab' } });
    expect(t.items[0]).toMatchObject({ state: 'answered', value: 'a' });
    expect(openDialogs(t)).toEqual([]);
  });

  it('an answer to a whole prompt is the answer to its open dialog', () => {
    const by = { userId: 'x', via: 'collab' };
    const t = given(
      { type: 'dialog_opened', at: 1, dialogId: 'd', method: 'select', title: 'Which?', promptId: 'p' },
      { type: 'dialog_resolved', at: 2, dialogId: 'p', value: ['a', 'b'], by, outcome: 'answered' },
      { type: 'dialog_resolved', at: 2, dialogId: 'd', by: { userId: 'system', via: 'system' }, outcome: 'cancelled' },
    );
    expect(t.items[0]).toMatchObject({ state: 'answered', value: ['a', 'b'], by });
  });

  it('an input that was accepted and will not be read is shown once, and is not pending any more', () => {
    const received = { type: 'input_received', at: 1, commandId: 'c', text: 'hi', deliverAs: 'steer' };
    const dropped = { type: 'input_dropped', at: 2, commandId: 'c', error: { code: 'link_ended', message: 'Over.' } };
    const t = given(received, dropped, dropped);
    expect(t.pendingInputs).toEqual([]);
    expect(t.items).toMatchObject([{ kind: 'notice', notice: 'refused', text: 'Over.', commandId: 'c' }]);
  });

  it('the transcript names the guests for whom a session was started', () => {
    const startedBy = [{ shareId: 'sh_1', sessionId: 'p', name: 'Bob' }];
    const t = given({ type: 'session_started', at: 1, cwd: '/work', model: 'demo/demo', startedBy });
    expect(t.items).toMatchObject([{ text: 'Session started in /work with demo/demo for Bob, by share link.' }]);
  });

  it('a refused command is shown under its id, and a refused answer is not shown', () => {
    const error = { code: 'x', message: 'No.' };
    const t = given(
      { type: 'command_result', at: 1, commandId: 'c1', ok: false, name: 'dialog_response', error },
      { type: 'command_result', at: 1, commandId: 'c2', ok: false, name: 'input', error },
    );
    expect(t.items).toMatchObject([{ kind: 'notice', notice: 'refused', text: 'No.', commandId: 'c2' }]);
  });

  it('the status of an extension is shown by its key, and is gone when its text is empty', () => {
    const status = (key: string, title: string) =>
      ({ type: 'dialog_opened', at: 1, dialogId: `${key}${title}`, method: 'status', key, title }) as const;
    const t = given(status('ci', 'building'), status('clock', '12:00'));
    expect(t.status).toEqual({ ci: 'building', clock: '12:00' });
    applyEvent(t, 3, status('ci', ''));
    expect(t.status).toEqual({ clock: '12:00' });
  });

  it('the restart of a worker interrupts open messages, tools and dialogs', () => {
    const t = given(
      start('m'),
      { type: 'tool_execution_start', at: 2, toolCallId: 't', toolName: 'bash', args: {} },
      { type: 'agent_start', at: 2 },
      { type: 'dialog_opened', at: 2, dialogId: 'd1', method: 'status', title: '', key: 'ci', message: 'building' },
    );
    expect(t.status).not.toEqual({});
    applyEvent(t, 5, { type: 'session_resumed', at: 9, epoch: 2 });
    expect(t.status).toEqual({});
    expect(message(t, 'm')).toMatchObject({ open: false, interrupted: true });
    expect(t.items[1]).toMatchObject({ kind: 'tool', block: { state: 'failed' } });
    expect(t.busy).toBe(false);
  });

  it('a run that the stop or the death of its host has ended is interrupted, and was not stopped by a person', () => {
    const interrupted = { kind: 'notice', notice: 'interrupted', text: 'The host was stopped while the agent wrote.' };
    const aborted = { ...end('m', 'I was'), message: { role: 'assistant', content: 'I was', stopReason: 'aborted' } };
    const agentStart = { type: 'agent_start', at: 1 };
    const resumed = { type: 'session_resumed', at: 9, epoch: 2 };
    const stopped = given(agentStart, start('m'), { type: 'run_interrupted', at: 2 }, aborted, resumed);
    expect(stopped).toMatchObject({ interrupted: true, busy: false });
    expect(stopped.items).toMatchObject([{ interrupted: true }, interrupted, { notice: 'resumed' }]);
    const died = given(agentStart, resumed);
    expect(died).toMatchObject({ interrupted: true, items: [interrupted] });
    applyEvent(died, 9, agentStart);
    expect(died.interrupted).toBe(false);
    // What the earlier process had left in its spool follows: its run had ended.
    const ended = given(agentStart, resumed, end('m', 'Done.'), { type: 'agent_end', at: 10 });
    expect(ended).toMatchObject({ interrupted: false, items: [{ notice: 'resumed', level: 'info' }, { id: 'm' }] });
    expect(given(agentStart, start('m'), aborted).items[0]).not.toHaveProperty('interrupted');
    expect(given(agentStart, { type: 'agent_end', at: 2 }, resumed)).toMatchObject({ interrupted: false });
  });

  it('a change of a setting is shown once, and the first thinking level is not shown', () => {
    const level = (name: string) => ({ type: 'thinking_level_changed', at: 1, level: name });
    const t = given(level('medium'), { type: 'session_resumed', at: 2, epoch: 2 }, level('medium'), level('high'));
    expect(t.items.map((item) => item.kind === 'notice' && item.notice)).toEqual(['resumed', 'thinking']);
  });

  it('the session is busy while a retry is pending', () => {
    const retry = {
      type: 'auto_retry_start',
      at: 2,
      attempt: 1,
      maxAttempts: 3,
      delayMs: 2000,
      errorMessage: 'overloaded',
    };
    const t = given({ type: 'agent_start', at: 1 }, { type: 'agent_end', at: 2 }, retry);
    expect(t.busy).toBe(true);
    applyEvent(t, 4, { type: 'auto_retry_end', at: 3, success: false, attempt: 3 });
    expect(t.busy).toBe(false);
  });

  it('a text that is too large for the log is read from its blob', () => {
    const blob = { blob: 'a'.repeat(64), size: 5, mediaType: 'image/png' };
    const t = given({
      ...end('m', [{ type: 'image', data: '', mimeType: 'image/png' }]),
      blobs: [{ path: '/message/content/0/data', ...blob }],
    });
    expect(message(t, 'm').blocks[0]).toEqual({ kind: 'image', mediaType: 'image/png', data: '', blob });
  });

  it('a thought that is too large for the log names its blob, as a text does', () => {
    const blob = { blob: 'a'.repeat(64), size: 200_000, mediaType: 'text/plain; charset=utf-8' };
    const t = given({
      ...end('m', [{ type: 'thinking', thinking: 'It begins…' }]),
      blobs: [{ path: '/message/content/0/thinking', ...blob }],
    });
    expect(message(t, 'm').blocks[0]).toEqual({ kind: 'thinking', text: 'It begins…', blob });
  });

  it('the transcript fold is total over any input, and the same events give the same transcript', () => {
    const type = fc.constantFrom(
      ...SESSION_EVENT_TYPES,
      'text_delta',
      'toolcall_delta',
      'tool_output_delta',
      'from_the_future',
    );
    const small = fc.constantFrom('m', 't', 'd', 'x');
    const hint = fc.record(
      {
        messageId: small,
        toolCallId: small,
        dialogId: small,
        commandId: small,
        n: fc.nat(9),
        index: fc.nat(4),
        role: fc.constantFrom('user', 'assistant', 'toolResult'),
      },
      { requiredKeys: [] },
    );
    const event = fc
      .tuple(type, hint, fc.dictionary(fc.constantFrom('message', 'result', 'text', 'blobs', 'args'), fc.jsonValue()))
      .map(([t, h, rest]) => ({ at: 1, ...h, ...rest, type: t }));
    fc.assert(
      fc.property(fc.array(fc.oneof(event, fc.jsonValue())), (events) => {
        const run = () => {
          const t = createTranscript();
          events.forEach((e, index) => {
            applyEvent(t, index + 1, e);
            applyDelta(t, e);
            applyPartial(t, e);
          });
          return t;
        };
        expect(run().items).toEqual(run().items);
      }),
    );
  });
});
