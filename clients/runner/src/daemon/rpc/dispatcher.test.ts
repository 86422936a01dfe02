import { decode, encode, RUNNER_METHODS, type RunnerRight } from '@pizzapi/protocol';
import { describe, expect, it, vi } from 'vitest';
import { RunnerRequestDispatcher, type RunnerCall, type SomeHandlers } from './dispatcher.js';

interface Given {
  handlers?: SomeHandlers;
  rights?: readonly RunnerRight[];
  maxCalls?: number;
}

function dispatcher({ handlers = {}, rights, maxCalls }: Given = {}) {
  const log = { error: vi.fn() };
  const subject = new RunnerRequestDispatcher({
    handlers: { folders: ({ path = '' }) => ({ folders: [path] }), ...handlers },
    ...(rights === undefined ? {} : { rights: () => rights }),
    ...(maxCalls === undefined ? {} : { maxCalls }),
    log,
  });
  const ask = async (name: string, request: unknown, call: object = { id: 'call_1', userId: 'ada' }) => {
    const body = typeof request === 'object' && request !== null ? encode({ ...request, call }) : encode(request);
    return decode((await subject.answer(name, body)).body);
  };
  return { subject, ask, log };
}
const failure = (code: string) => ({ error: { code } });

/** A handler that answers when the test says so. */
function held() {
  const calls: RunnerCall[] = [];
  let release: () => void = () => undefined;
  const gate = new Promise<void>((resolve) => (release = resolve));
  const folders: NonNullable<SomeHandlers['folders']> = async (_request, call) => {
    calls.push(call);
    await gate;
    return { folders: [] };
  };
  return { calls, handlers: { folders }, release };
}

describe('a request to a runner', () => {
  it('is answered by its handler, which sees who asks and not the envelope', async () => {
    const folders = vi.fn((_request: object, { userId, within }: RunnerCall) => ({
      folders: [userId, String(within)],
    }));
    const { ask } = dispatcher({ handlers: { folders } });
    expect(await ask('folders', { path: '/a' })).toEqual({ folders: ['ada', 'undefined'] });
    expect(folders.mock.calls[0]![0]).toEqual({ path: '/a' });
  });

  it.each([
    ['a method that does not exist', 'no_such', {}, 'method_unknown'],
    ['a method of every object', 'constructor', {}, 'method_unknown'],
    ['a method that this host has no handler for', 'exec', { argv: ['x'] }, 'method_unknown'],
    ['a field of another type', 'folders', { path: 5 }, 'bad_request'],
    ['a field that it does not know', 'folders', { path: '/', force: true }, 'bad_request'],
    ['a NUL in a path', 'folders', { path: '/a\0b' }, 'bad_request'],
    ['no map', 'folders', 'text', 'bad_request'],
    [
      'too many bytes',
      'folders',
      { path: 'x'.repeat(RUNNER_METHODS.folders.maxRequestBytes + 5_000) },
      'body_too_large',
    ],
  ])('with %s is refused with a code', async (_what, method, request, code) => {
    expect(await dispatcher().ask(method, request)).toMatchObject(failure(code));
  });

  it('that nests too deep or is no msgpack is refused', async () => {
    const { subject } = dispatcher();
    const deep = Uint8Array.from([...Array<number>(300).fill(0x91), 0xc0]);
    for (const body of [deep, Uint8Array.from([0xc1]), Uint8Array.from([0x81])])
      expect(decode((await subject.answer('folders', body)).body)).toMatchObject(failure('bad_request'));
  });

  it('is refused when the token of the runner lacks its right', async () => {
    const { ask } = dispatcher({ rights: ['files:read'], handlers: { ping: () => ({ at: 1 }) } });
    expect(await ask('folders', {})).toMatchObject(failure('right_missing'));
    expect(await ask('ping', {})).toEqual({ at: 1 });
  });

  it('of a guest is refused unless guests may send the method', async () => {
    const call = { id: 'call_1', userId: 'guest_1', within: 's1' };
    expect(await dispatcher().ask('folders', {}, call)).toMatchObject(failure('forbidden'));
  });

  it('is cancelled by its id alone', async () => {
    const { calls, handlers } = held();
    const { subject, ask } = dispatcher({ handlers });
    const answer = ask('folders', {});
    const control = async (name: string, callId: unknown) =>
      decode((await subject.answer(name, encode({ callId }))).body);
    for (const other of ['call_2', '', undefined, { a: 1 }])
      expect(await control('cancel', other)).toEqual({ known: false });
    expect(await control('alive', 'call_1')).toEqual({ known: true });
    expect(calls[0]!.signal.aborted).toBe(false);
    expect(await control('cancel', 'call_1')).toEqual({ known: true });
    expect(await answer).toMatchObject(failure('rpc_cancelled'));
    expect(calls[0]!.signal.aborted).toBe(true);
    expect(await control('alive', 'call_1')).toEqual({ known: false });
    expect(subject.open).toBe(0);
  });

  it('that takes too long is ended with the name of its method', async () => {
    vi.useFakeTimers();
    try {
      const { calls, handlers } = held();
      const answer = dispatcher({ handlers }).ask('folders', {});
      await vi.advanceTimersByTimeAsync(RUNNER_METHODS.folders.timeoutMs);
      expect(await answer).toMatchObject({
        error: { code: 'rpc_timeout', message: expect.stringContaining('folders') as string },
      });
      expect(calls[0]!.signal.aborted).toBe(true);
    } finally {
      vi.useRealTimers();
    }
  });

  it('is refused while too many others run, unless it is urgent', async () => {
    const { handlers, release } = held();
    const { ask } = dispatcher({ handlers: { ...handlers, ping: () => ({ at: 1 }) }, maxCalls: 2 });
    const running = ['a', 'b'].map((id) => ask('folders', {}, { id, userId: 'ada' }));
    expect(await ask('folders', {}, { id: 'a', userId: 'ada' })).toMatchObject(failure('rpc_busy'));
    expect(await ask('ping', {}, { id: 'c', userId: 'ada' })).toEqual({ at: 1 });
    release();
    await Promise.all(running);
    expect(await ask('folders', {})).toEqual({ folders: [] });
  });

  it('does not take the place of another with the same id', async () => {
    const { calls, handlers, release } = held();
    const { ask } = dispatcher({ handlers });
    const first = ask('folders', {});
    expect(await ask('folders', {})).toMatchObject(failure('already_exists'));
    release();
    expect(await first).toEqual({ folders: [] });
    expect(calls).toHaveLength(1);
  });

  it('whose handler fails is answered without its secrets', async () => {
    const { ask, log } = dispatcher({
      handlers: {
        folders: () => {
          throw new TypeError('password=hunter2');
        },
      },
    });
    const answer = await ask('folders', {});
    expect(answer).toMatchObject(failure('internal'));
    expect(JSON.stringify(answer)).not.toContain('hunter2');
    expect(log.error).toHaveBeenCalledOnce();
  });

  it('whose reply is too large is answered with a code', async () => {
    const { ask } = dispatcher({ handlers: { folders: () => ({ folders: ['x'.repeat(600_000)] }) } });
    expect(await ask('folders', {})).toMatchObject(failure('reply_too_large'));
  });
});
