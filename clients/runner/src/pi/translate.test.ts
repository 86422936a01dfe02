import type { AgentSessionEvent } from '@mariozechner/pi-coding-agent';
import type { SessionEvent, UnnumberedDelta } from '@pizzapi/protocol';
import { beforeEach, describe, expect, it } from 'vitest';
import { Coalescer, type CoalesceClock } from './coalesce.js';
import { OpenBlocks } from './openBlocks.js';
import { Translator } from './translate.js';

/** A clock that the test turns. */
class TestClock implements CoalesceClock {
  time = 1_000;
  #timers: { at: number; fn: () => void }[] = [];

  now(): number {
    return this.time;
  }

  after(ms: number, fn: () => void): () => void {
    const timer = { at: this.time + ms, fn };
    this.#timers.push(timer);
    return () => (this.#timers = this.#timers.filter((t) => t !== timer));
  }

  advance(ms: number): void {
    this.time += ms;
    const due = this.#timers.filter((t) => t.at <= this.time);
    this.#timers = this.#timers.filter((t) => t.at > this.time);
    for (const { fn } of due) fn();
  }
}

const usage = {
  input: 1,
  output: 1,
  cacheRead: 0,
  cacheWrite: 0,
  totalTokens: 2,
  cost: { input: 0, output: 0, cacheRead: 0, cacheWrite: 0, total: 0 },
};

type Assistant = Extract<Extract<AgentSessionEvent, { type: 'message_end' }>['message'], { role: 'assistant' }>;

function assistant(content: Assistant['content'], more: Partial<Assistant> = {}): Assistant {
  const model = { api: 'x', provider: 'demo', model: 'demo' };
  return { role: 'assistant', content, ...model, usage, stopReason: 'stop', timestamp: 5, ...more };
}

/** pi's own habit: one object for all updates of a message, written ahead of what the update announces. */
const shared = assistant([]);

type Update = Extract<AgentSessionEvent, { type: 'message_update' }>['assistantMessageEvent'];
const update = (assistantMessageEvent: Update): AgentSessionEvent => ({
  type: 'message_update',
  message: shared,
  assistantMessageEvent,
});

let clock: TestClock;
let events: SessionEvent[];
let deltas: UnnumberedDelta[];
let open: OpenBlocks;
let translator: Translator;
let appended: (() => void)[];
let leaf: string | null;

/** Feeds an event as pi does: our listener, then the append, then what we asked to be run after it. */
function feed(event: AgentSessionEvent, entryId?: string): void {
  translator.handle(event);
  leaf = entryId ?? leaf;
  for (const fn of appended.splice(0)) fn();
}

beforeEach(() => {
  clock = new TestClock();
  events = [];
  deltas = [];
  appended = [];
  leaf = null;
  open = new OpenBlocks();
  let id = 0;
  translator = new Translator({
    emit: (event) => events.push(event),
    pieces: new Coalescer((delta) => {
      open.piece(delta);
      deltas.push(delta);
    }, clock),
    open,
    now: () => clock.now(),
    newMessageId: () => `m${++id}`,
    leafId: () => leaf,
    afterListeners: (fn) => appended.push(fn),
    delivered: () => ({ origin: { by: { userId: 'system', via: 'system' } } }),
    assistantEnded: () => undefined,
    isTapped: () => false,
  });
});

it('the prompt that pi 1.x tells as a message stays out of the log', () => {
  const message = JSON.parse('{"role":"system","content":"","sections":{"rules":"Bluebird"}}') as Assistant;
  feed({ type: 'message_start', message });
  feed({ type: 'message_end', message }, 'e1');
  expect([events, open.snapshot().open]).toEqual([[], []]);
});

it('a call that a tool makes names the call that it belongs to', () => {
  const nested = { toolCallId: 'c/1', toolName: 'bash', parentToolCallId: 'c' };
  const start = JSON.parse(JSON.stringify({ type: 'tool_execution_start', ...nested, args: {} })) as AgentSessionEvent;
  feed(start);
  feed({ type: 'tool_execution_end', ...nested, result: { content: [] }, isError: false });
  expect(events).toMatchObject([nested, nested]);
  expect(open.snapshot().tools).toEqual([]);
});

describe('a streamed message', () => {
  it('goes out in one piece per block and window, and never before its time', () => {
    feed({ type: 'message_start', message: shared });
    feed(update({ type: 'text_start', contentIndex: 0, partial: shared }));
    for (const delta of ['Piz', 'za']) feed(update({ type: 'text_delta', contentIndex: 0, delta, partial: shared }));
    expect(deltas).toEqual([]);
    expect(open.snapshot().open).toEqual([{ messageId: 'm1', role: 'assistant', blocks: [] }]);
    clock.advance(40);
    expect(deltas).toEqual([{ type: 'text_delta', at: 1_040, messageId: 'm1', index: 0, text: 'Pizza' }]);
    expect(open.snapshot().open[0]!.blocks).toEqual([{ index: 0, kind: 'text', text: 'Pizza' }]);
    clock.advance(1_000);
    expect(deltas).toHaveLength(1);
  });

  it('joins a surrogate pair that its provider has split over two deltas, in one window or two', () => {
    const say = (delta: string) => feed(update({ type: 'text_delta', contentIndex: 0, delta, partial: shared }));
    const said = () => deltas.map((delta) => (delta.type === 'text_delta' ? delta.text : ''));
    feed({ type: 'message_start', message: shared });
    say('a\ud83c');
    clock.advance(40);
    expect(said()).toEqual(['a']);
    say('\udf55b');
    clock.advance(40);
    expect(said()).toEqual(['a', '🍕b']);
    say('\ud83c');
    clock.advance(40);
    feed({ type: 'message_end', message: assistant([{ type: 'text', text: 'a🍕b\ud83c' }]) });
    clock.advance(40);
    expect(said()).toEqual(['a', '🍕b']);
  });

  it('has all of its pieces out before its end, which has the entry that pi has just appended', () => {
    feed({ type: 'message_start', message: shared });
    feed(update({ type: 'text_delta', contentIndex: 0, delta: 'Pi', partial: shared }));
    const whole = assistant([{ type: 'text', text: 'Pizza', textSignature: 'opaque' }]);
    feed(update({ type: 'text_end', contentIndex: 0, content: 'Pizza', partial: shared }));
    translator.handle({ type: 'message_end', message: whole });
    expect(deltas.map((delta) => 'text' in delta && delta.text)).toEqual(['Pizza']);
    expect(events.map((e) => e.type)).toEqual(['message_start']);
    leaf = 'e7';
    for (const fn of appended.splice(0)) fn();
    expect(events.at(-1)).toMatchObject({ messageId: 'm1', entryId: 'e7' });
    expect(JSON.stringify(events.at(-1))).not.toContain('opaque');
    expect(open.snapshot().open).toEqual([]);
  });

  it('ends before whatever pi reports next, even in the same tick', () => {
    feed({ type: 'message_start', message: shared });
    translator.handle({ type: 'message_end', message: assistant([]) });
    leaf = 'e1';
    translator.handle({ type: 'auto_retry_end', success: true, attempt: 1 });
    expect(events.map((e) => e.type)).toEqual([
      'message_start',
      'message_end',
      'auto_retry_end',
      'retry_state_changed',
    ]);
    for (const fn of appended.splice(0)) fn();
    expect(events).toHaveLength(4);
  });

  it('announces a tool call before its arguments, and splits what is too large for a piece', () => {
    const call = { type: 'toolCall' as const, id: 't1', name: 'write', arguments: {} };
    const partial = assistant([call]);
    feed({ type: 'message_start', message: shared });
    feed(update({ type: 'toolcall_start', contentIndex: 0, partial }));
    clock.advance(40);
    feed(update({ type: 'toolcall_delta', contentIndex: 0, delta: 'x'.repeat(70_000), partial }));
    clock.advance(40);
    const sizes = deltas.map((delta) => delta.type === 'toolcall_delta' && delta.json.length);
    expect(sizes).toEqual([0, 32_768, 32_768, 4_464]);
    expect(deltas[0]).toMatchObject({ toolCallId: 't1', toolName: 'write' });
  });
});

/** What pi 1.x says besides at the end of a run. */
const SETTLES = { willRetry: false };

describe('a run that fails outside of a stream', () => {
  it('still shows its message', () => {
    const failure = assistant([{ type: 'text', text: '' }], { stopReason: 'error', errorMessage: 'no key' });
    feed({ type: 'agent_start' });
    feed({ type: 'agent_end', messages: [failure], ...SETTLES });
    expect(events.map((e) => e.type)).toEqual(['agent_start', 'message_start', 'message_end', 'agent_end']);
    expect(events[2]).toMatchObject({ message: { errorMessage: 'no key' } });
  });

  it('shows it once when it was announced', () => {
    const failure = assistant([], { stopReason: 'error', errorMessage: 'overloaded' });
    feed({ type: 'message_start', message: failure });
    feed({ type: 'message_end', message: failure }, 'e1');
    feed({ type: 'agent_end', messages: [failure], ...SETTLES });
    expect(events.map((e) => e.type)).toEqual(['message_start', 'message_end', 'agent_end']);
  });
});

describe('the output of a tool', () => {
  const call = { toolCallId: 't1', toolName: 'watch' };
  const snapshot = (text: string): AgentSessionEvent => ({
    type: 'tool_execution_update',
    ...call,
    args: {},
    partialResult: { content: [{ type: 'text', text }] },
  });

  it('is what each snapshot adds, also once pi shows its tail only', () => {
    feed({ type: 'tool_execution_start', ...call, args: { file: 'x' } });
    const line = (n: number) => `line ${n} of a long output\n`;
    const lines = Array.from({ length: 30 }, (_, n) => line(n));
    feed(snapshot(lines.slice(0, 20).join('')));
    feed(snapshot(lines.slice(5, 25).join('')));
    feed(snapshot(lines.slice(10, 30).join('')));
    const result = { content: [], details: { truncation: { truncated: true, content: 'a second copy' } } };
    feed({ type: 'tool_execution_end', ...call, result, isError: false });
    expect(deltas.map((delta) => delta.type === 'tool_output_delta' && delta.text).join('')).toBe(lines.join(''));
    expect(events.at(-1)).toMatchObject({ result: { details: { truncation: { truncated: true } } } });
    expect(JSON.stringify(events)).not.toContain('a second copy');
  });

  it('is cut in the middle of a flood, and says so', () => {
    feed({ type: 'tool_execution_start', ...call, args: {} });
    feed(snapshot('y'.repeat(200_000)));
    clock.advance(40);
    const text = deltas.map((delta) => (delta.type === 'tool_output_delta' ? delta.text : '')).join('');
    expect(text.length).toBeLessThan(70_000);
    expect(text).toContain('134464 characters skipped');
    expect(open.snapshot().tools[0]!.text).toHaveLength(65_536);
  });
});
