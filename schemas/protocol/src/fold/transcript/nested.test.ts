import { describe, expect, it } from 'vitest';
import { applyDelta, applyEvent, applyPartial, createTranscript, foldTranscript } from './index.js';
import { MAX_NESTED_CALLS } from './nested.js';
import { toolAt } from './state.js';
import type { Transcript } from './index.js';

const start = (toolCallId: string, parentToolCallId?: string, args: unknown = { command: 'ls' }) => ({
  ...{ type: 'tool_execution_start', at: 10, toolCallId, toolName: 'bash', args },
  ...(parentToolCallId === undefined ? {} : { parentToolCallId }),
});
const end = (toolCallId: string, parentToolCallId: string | undefined, text: string, isError = false) => ({
  ...{ type: 'tool_execution_end', at: 20, toolCallId, toolName: 'bash', isError },
  result: { content: [{ type: 'text', text }], details: { many: 'x' } },
  ...(parentToolCallId === undefined ? {} : { parentToolCallId }),
});
const call = {
  type: 'message_end',
  at: 1,
  messageId: 'm',
  entryId: 'e',
  message: { role: 'assistant', content: [{ type: 'toolCall', id: 'c', name: 'codemode', arguments: { code: '…' } }] },
};
const given = (...events: unknown[]): Transcript =>
  foldTranscript(
    createTranscript(),
    events.map((event, index) => [index + 1, event] as const),
  );

describe('the calls that a tool makes', () => {
  it('are in the block of the call that made them, with their output as it comes, and make no items of their own', () => {
    const t = given(call, start('c'), start('c/1', 'c'), start('c/1/1', 'c/1'));
    applyDelta(t, { type: 'tool_output_delta', at: 11, n: 1, toolCallId: 'c/1/1', text: 'out' });
    expect(t.items).toHaveLength(1);
    expect(toolAt(t, 'c')?.nested).toMatchObject([
      { toolCallId: 'c/1', depth: 1, state: 'running', args: { command: 'ls' }, startedAt: 10 },
      { toolCallId: 'c/1/1', depth: 2, state: 'running', output: 'out' },
    ]);
    applyPartial(t, { n: 5, open: [], tools: [{ toolCallId: 'c/1', text: 'so far' }] });
    expect(toolAt(t, 'c/1')?.output).toBe('so far');
    applyEvent(t, 5, end('c/1/1', 'c/1', 'done'));
    applyEvent(t, 6, end('c/1', 'c', 'no', true));
    applyEvent(t, 7, end('c', undefined, 'all'));
    expect(t.items).toHaveLength(1);
    expect(toolAt(t, 'c')).toMatchObject({
      state: 'done',
      content: [{ text: 'all' }],
      nested: [
        { state: 'failed', content: [{ text: 'no' }], endedAt: 20 },
        { state: 'done', output: '', content: [{ text: 'done' }] },
      ],
    });
    expect(t.index.running.size).toBe(0);
  });

  it('are there with their first output where it arrives before their start', () => {
    const t = given(call, start('c'));
    applyDelta(t, { type: 'tool_output_delta', at: 9, n: 1, toolCallId: 'c/1', text: 'early' });
    applyEvent(t, 3, start('c/1', 'c'));
    expect(toolAt(t, 'c')?.nested).toMatchObject([{ output: 'early', args: { command: 'ls' }, depth: 1 }]);
  });

  it('are failed when their worker stopped', () => {
    const t = given(call, start('c'), start('c/1', 'c'), { type: 'session_resumed', at: 30, epoch: 2 });
    expect(toolAt(t, 'c/1')).toMatchObject({ state: 'failed', endedAt: 30 });
  });

  it('come from the record of pi where the log has no events of them, as in an imported history', () => {
    const calls = [
      { id: 'c/1', name: 'read', arguments: { path: 'a' }, status: 'ok', durationMs: 7 },
      { id: 'c/1/1', name: 'bash', argumentsBytes: 9000, status: 'error', error: 'denied' },
    ];
    const message = { role: 'toolResult', toolCallId: 'c', content: [], nestedCalls: { calls, complete: false } };
    const result = { ...call, messageId: 'r', message };
    const t = given(call, result);
    expect(toolAt(t, 'c')?.nested).toMatchObject([
      { toolName: 'read', depth: 1, state: 'done', args: { path: 'a' }, startedAt: 0, endedAt: 7 },
      { toolName: 'bash', depth: 2, state: 'failed', content: [{ text: 'denied' }] },
    ]);
    // Their own events say more, and are not repeated.
    expect(toolAt(given(call, start('c'), start('c/1', 'c'), result), 'c')?.nested).toHaveLength(1);
  });

  it('have ids that differ, whatever a file records and whatever follows it', () => {
    const calls = [{ id: 'c/1' }, { name: 'a' }, { id: 'c/1', name: 'b' }, { id: 'c/2' }, 'nonsense', {}];
    const message = { role: 'toolResult', toolCallId: 'c', content: [], nestedCalls: { calls } };
    const t = given(call, { ...call, messageId: 'r', message }, start('c/1', 'c'), end('c/2', 'c', 'x'));
    const ids = toolAt(t, 'c')!.nested!.map(({ toolCallId }) => toolCallId);
    expect(new Set(ids).size).toBe(ids.length);
    expect(toolAt(t, 'c')?.nested?.[0]).toMatchObject({ toolCallId: 'c/1', state: 'running' });
    applyDelta(t, { type: 'tool_output_delta', at: 1, n: 1, toolCallId: '/'.repeat(100_000), text: 'x' });
    expect(ids).toHaveLength(3);
  });

  it('stay few and small, however many a script makes, and the rest is counted', () => {
    const t = given(call, start('c'));
    const large = { path: 'p'.repeat(300), content: 'x'.repeat(100_000), deep: [[[{}]]] };
    let seq = 2;
    for (let n = 1; n <= 10_000; n++) {
      applyEvent(t, ++seq, start(`c/${n}`, 'c', large));
      applyDelta(t, { type: 'tool_output_delta', at: 1, n, toolCallId: `c/${n}`, text: 'y'.repeat(10_000) });
      if (n % 2 === 0) applyEvent(t, ++seq, end(`c/${n}`, 'c', 'z'.repeat(100_000)));
    }
    const block = toolAt(t, 'c')!;
    expect(t.items).toHaveLength(1);
    expect(block.nested).toHaveLength(MAX_NESTED_CALLS);
    expect(block.nestedLeftOut).toBe(10_000 - MAX_NESTED_CALLS);
    expect(block.nested![0]!.args).toMatchObject({ path: `${'p'.repeat(256)}…` });
    expect(JSON.stringify(t.items).length).toBeLessThan(MAX_NESTED_CALLS * 10_000);
    expect(t.index.running.size).toBeLessThanOrEqual(MAX_NESTED_CALLS + 1);
    expect(t.index.nested.size).toBe(MAX_NESTED_CALLS);
  });

  it('cannot be made to contain each other', () => {
    const t = given(start('x', 'y'), start('y', 'x'), start('z', 'z'), start('y/1', 'x'), end('y', 'y/1', 'end'));
    expect(t.items.map(({ id }) => id)).toEqual(['tool:y', 'tool:z']);
    expect(toolAt(t, 'y')).toMatchObject({
      state: 'done',
      nested: [{ toolCallId: 'x' }, { toolCallId: 'y/1', depth: 2 }],
    });
  });
});
