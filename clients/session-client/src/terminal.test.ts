import { decode, encode, type TerminalDownFrame } from '@pizzapi/protocol';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { WebSocketLike } from './connection.js';
import { openTerminal, type TerminalConnection, type TerminalConnectionOptions } from './terminal.js';

const TERMINAL = 't_aaaaaaaaaaaa_r1';
const SHOWN = { cols: 80, rows: 24, writer: { viewer: 'me', name: 'Me' }, viewers: [], name: 'one' };

/** A WebSocket whose other end is the test. */
class FakeSocket implements WebSocketLike {
  static all: FakeSocket[] = [];
  static get last(): FakeSocket {
    return FakeSocket.all.at(-1)!;
  }
  binaryType = '';
  onopen: WebSocketLike['onopen'] = null;
  onmessage: WebSocketLike['onmessage'] = null;
  onclose: WebSocketLike['onclose'] = null;
  onerror: WebSocketLike['onerror'] = null;
  readonly sent: Record<string, unknown>[] = [];
  closed = false;

  constructor(
    readonly url: string,
    readonly protocols: string[] = [],
  ) {
    FakeSocket.all.push(this);
  }

  send(data: string | Uint8Array): void {
    this.sent.push((typeof data === 'string' ? JSON.parse(data) : decode(data)) as Record<string, unknown>);
  }

  close(): void {
    this.closed = true;
  }

  /** The gateway accepts the connection, and greets. */
  greet(head = 0, first = 0): void {
    this.onopen?.({} as never);
    const id = { terminalId: TERMINAL, runnerId: 'r1', cwd: '/work' };
    this.receive({ type: 'terminal_connected', protocol: 1, ...id, first, head, ...SHOWN });
  }

  receive(frame: TerminalDownFrame): void {
    const bytes = encode(frame);
    const data = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
    this.onmessage?.({ data } as never);
  }

  data(n: number, text: string): void {
    this.receive({ type: 'terminal_data', n, bytes: new TextEncoder().encode(text) });
  }

  lose(code = 1006): void {
    this.onclose?.({ code, reason: '' } as never);
  }

  of(type: string): Record<string, unknown>[] {
    return this.sent.filter((frame) => frame['type'] === type);
  }
}

let timers: (() => void)[];
let text: string;
let taken: (() => void)[];
beforeEach(() => {
  FakeSocket.all = [];
  timers = [];
  text = '';
  taken = [];
});

function open(options: Partial<TerminalConnectionOptions> = {}): TerminalConnection {
  const clock = {
    now: () => 0,
    setTimeout: (fn: () => void) => timers.push(fn),
    clearTimeout: (handle: unknown) => void timers.splice(Number(handle) - 1, 1, () => undefined),
  };
  const terminal = openTerminal({
    ...{ url: 'http://gateway', terminalId: TERMINAL, viewer: 'me', WebSocket: FakeSocket, clock },
    fetch: () => Promise.reject(new Error('no network')),
    ...options,
  });
  terminal.onData((bytes, done) => {
    text += new TextDecoder().decode(bytes);
    taken.push(done);
  });
  terminal.onReset(() => (text = ''));
  return terminal;
}

/** Lets the time of the last timer pass: the client tries again. */
const again = (): void => timers.at(-1)!();

describe('a client of a terminal', () => {
  it('says where it begins, gives its data in order, and continues there over the next connection', () => {
    const terminal = open({ after: 5, label: 'phone' });
    expect(FakeSocket.last.url).toBe(`ws://gateway/ws/terminals/${TERMINAL}`);
    FakeSocket.last.greet(9);
    const resume = { type: 'resume', viewer: 'me', label: 'phone', takes: true };
    expect(FakeSocket.last.sent).toEqual([{ ...resume, after: 5 }]);
    FakeSocket.last.data(9, 'abcd');
    FakeSocket.last.receive({ type: 'terminal_ready', n: 9, viewer: 'me' });
    expect([text, terminal.connection.state.kind, terminal.hasKeyboard]).toEqual(['abcd', 'live', true]);
    FakeSocket.last.lose();
    again();
    FakeSocket.last.greet(12);
    expect(FakeSocket.last.sent).toEqual([{ ...resume, after: 9 }]);
    FakeSocket.last.data(12, 'efg');
    expect([text, terminal.position]).toEqual(['abcdefg', 12]);
  });

  it('leaves out what it has, and asks for a hole again', () => {
    const terminal = open();
    FakeSocket.last.greet();
    FakeSocket.last.data(3, 'abc');
    FakeSocket.last.data(3, 'abc');
    FakeSocket.last.data(5, 'bcde');
    expect(text).toBe('abcde');
    const first = FakeSocket.last;
    FakeSocket.last.data(20, 'xyz');
    expect([text, first.closed]).toEqual(['abcde', true]);
    again();
    FakeSocket.last.greet(20);
    expect(FakeSocket.last.of('resume')).toMatchObject([{ after: 5 }]);
    expect(terminal.position).toBe(5);
  });

  it('begins anew where the gateway says that earlier output is lost', () => {
    const terminal = open();
    FakeSocket.last.greet(100, 90);
    FakeSocket.last.receive({ type: 'terminal_reset', first: 90 });
    FakeSocket.last.data(93, 'abc');
    expect([text, terminal.position]).toEqual(['abc', 93]);
    // The program is to draw its screen anew.
    expect(FakeSocket.last.of('terminal_resize')).toEqual([]);
    FakeSocket.last.receive({ type: 'terminal_ready', n: 93, viewer: 'me' });
    expect(FakeSocket.last.of('terminal_resize').map(({ rows }) => rows)).toEqual([23]);
    again();
    expect(FakeSocket.last.of('terminal_resize').map(({ rows }) => rows)).toEqual([23, 24]);
    FakeSocket.last.lose();
    again();
    FakeSocket.last.greet(93, 90);
    FakeSocket.last.receive({ type: 'terminal_ready', n: 93, viewer: 'me' });
    expect(FakeSocket.last.of('terminal_resize')).toEqual([]);
  });

  it('says after each 32 KiB how far it has shown the output, and not before', () => {
    open();
    FakeSocket.last.greet();
    for (let at = 1; at <= 40; at++) FakeSocket.last.data(at * 1_024, 'x'.repeat(1_024));
    expect(FakeSocket.last.of('terminal_taken')).toEqual([]);
    taken.slice(0, 33).forEach((done) => done());
    expect(FakeSocket.last.of('terminal_taken')).toEqual([{ type: 'terminal_taken', n: 32 * 1_024 }]);
  });

  it.each(['msgpack', 'json'] as const)('sends input over %s in parts of at most 64 KiB', (protocol) => {
    const terminal = open({ protocol });
    expect(terminal.input('early')).toBe(false);
    FakeSocket.last.greet();
    expect(terminal.input(`é${'x'.repeat(70_000)}`)).toBe(true);
    const parts = FakeSocket.last.of('terminal_input').map(({ bytes }) => Buffer.from(bytes as string, 'base64'));
    expect(parts.map(({ length }) => length)).toEqual([65_536, 4_466]);
    expect(Buffer.concat(parts).toString().slice(0, 2)).toBe('éx');
    terminal.resize(100, 30);
    terminal.takeKeyboard();
    expect(FakeSocket.last.sent.slice(-2)).toEqual([
      { type: 'terminal_resize', cols: 100, rows: 30 },
      { type: 'take_keyboard' },
    ]);
  });

  it('shows who has the keyboard, errors and the host, and is over with its shell', () => {
    const terminal = open();
    const changes = vi.fn<(names: string[]) => void>();
    terminal.subscribe((change) => changes(Object.entries(change).flatMap(([name, is]) => (is ? [name] : []))));
    FakeSocket.last.greet();
    const writer = { viewer: 'other', name: 'Other' };
    FakeSocket.last.receive({ type: 'terminal_state', ...SHOWN, cols: 90, writer });
    expect(terminal.view).toMatchObject({ cols: 90, cwd: '/work', writer });
    expect(terminal.hasKeyboard).toBe(false);
    FakeSocket.last.receive({ type: 'terminal_error', code: 'keyboard_taken', message: 'No.' });
    expect(terminal.problem).toEqual({ code: 'keyboard_taken', message: 'No.' });
    FakeSocket.last.receive({ type: 'host', state: 'lost' });
    expect(terminal.host).toBe('lost');
    changes.mockClear();
    FakeSocket.last.receive({ type: 'terminal_exit', code: 2, signal: null });
    expect([terminal.exit, terminal.connection.state]).toEqual([{ code: 2, signal: null }, { kind: 'closed' }]);
    expect(changes.mock.calls.flat(2)).toEqual(expect.arrayContaining(['exit', 'connection']));
  });

  it('does not try again when there is no such terminal', () => {
    const terminal = open();
    FakeSocket.last.lose(4411);
    // Before the gateway greets, a browser does not learn why.
    expect(terminal.connection.state.kind).toBe('waiting');
    again();
    FakeSocket.last.onopen?.({} as never);
    FakeSocket.last.lose(4411);
    expect(terminal.connection.state).toMatchObject({ kind: 'closed', error: { code: 'terminal_unknown' } });
    expect(terminal.problem).toMatchObject({ code: 'terminal_unknown' });
  });
});
