import { spawn, type IPty } from '@lydell/node-pty';
import type { MethodReply } from '@pizzapi/protocol';
import { openTerminal, type TerminalConnection } from '@pizzapi/session-client';
import { WebSocket } from 'ws';
import type { Bench } from '../harness/bench.js';
import { eventually, nowMs } from '../harness/clock.js';
import { startBenchStack, type BenchStack } from '../harness/localStack.js';

/** Lines as a build prints them. */
const FLOOD = 'yes "src/components/list/row.ts(120,14): checked in 12 ms, 4 imports, nothing to report"';
const INTERRUPT = '\x03';

/** A terminal that is typed into and whose output is counted. */
interface Typed {
  type(text: string): void;
  /** Bytes of output so far. */
  position(): number;
  /** Waits until its output ends with a text. */
  printed(text: string): Promise<void>;
  end(): void;
}

/** Waits for the end of an output of which the last bytes are kept. */
class Tail {
  private text = '';
  private wanted: { text: string; resolve: () => void } | undefined;
  bytes = 0;

  push(bytes: Uint8Array): void {
    this.bytes += bytes.byteLength;
    this.text = (this.text + Buffer.from(bytes.subarray(-200)).toString('latin1')).slice(-200);
    if (this.wanted === undefined || !this.text.includes(this.wanted.text)) return;
    this.wanted.resolve();
    this.wanted = undefined;
  }

  until(text: string): Promise<void> {
    this.text = '';
    return new Promise((resolve) => (this.wanted = { text, resolve }));
  }
}

function local(): Typed {
  const tail = new Tail();
  const pty: IPty = spawn('/bin/sh', [], { cols: 80, rows: 24, encoding: null });
  pty.onData((data: string | Uint8Array) => tail.push(Buffer.from(data)));
  return {
    type: (text) => pty.write(text),
    position: () => tail.bytes,
    printed: (text) => tail.until(text),
    end: () => pty.kill('SIGKILL'),
  };
}

async function remote(stack: BenchStack): Promise<Typed> {
  const { body: runners } = await stack.api('GET', '/api/runners');
  const [runner] = (runners as { runners: { runnerId: string }[] }).runners;
  const path = `/api/runners/${runner!.runnerId}/rpc/new_terminal`;
  const { body } = await stack.api('POST', path, { cols: 80, rows: 24 });
  const { terminalId } = body as MethodReply<'new_terminal'>;
  const tail = new Tail();
  const { url, token } = stack;
  const terminal: TerminalConnection = openTerminal({ url, token, terminalId, WebSocket });
  terminal.onData((bytes, taken) => {
    tail.push(bytes);
    taken();
  });
  await eventually(() => terminal.connection.state.kind === 'live', 10_000);
  return {
    type: (text) => void terminal.input(text),
    position: () => tail.bytes,
    printed: (text) => tail.until(text),
    end: () => terminal.kill() && terminal.close(),
  };
}

/** Bytes a second of a flood, and how long it takes to interrupt it, in ms. */
async function flood(terminal: Typed, ms: number): Promise<{ perSecond: number; stopMs: number }> {
  terminal.type(`${FLOOD}\r`);
  await delay(ms / 2);
  const [from, before] = [nowMs(), terminal.position()];
  await delay(ms);
  const perSecond = (terminal.position() - before) / ((nowMs() - from) / 1_000);
  const stopped = terminal.printed('stopped');
  const pressed = nowMs();
  terminal.type(`${INTERRUPT}echo sto""pped\r`);
  await stopped;
  return { perSecond, stopMs: nowMs() - pressed };
}

/** The times from a key to its echo, sorted, in ms. */
async function echoes(terminal: Typed, count: number): Promise<number[]> {
  const ready = terminal.printed('ready');
  terminal.type('echo rea""dy; exec cat\r');
  await ready;
  const times: number[] = [];
  for (let i = 0; i < count; i++) {
    const key = String.fromCharCode(97 + (i % 26));
    const shown = terminal.printed(key);
    const pressed = nowMs();
    terminal.type(key);
    await shown;
    times.push(nowMs() - pressed);
    if (i % 60 === 59) terminal.type('\r');
    await delay(5);
  }
  return times.sort((a, b) => a - b);
}

const delay = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const at = (sorted: readonly number[], quantile: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * quantile))] ?? Number.NaN;

/** Output and keys of a terminal of a host, against the same shell at a PTY of this process. */
export const terminal: Bench = {
  name: 'terminal',
  title: 'a terminal of a host against a local one: bytes per second, Ctrl-C in a flood, echo of a key',
  async run(context) {
    const { quick, report, defer } = context;
    const stack = await startBenchStack(context);
    const rounds = quick ? 2 : 4;
    const [ratios, stops]: [number[], number[]] = [[], []];
    for (let round = 0; round < rounds; round++) {
      const figures: Record<string, number> = {};
      for (const [name, opened] of [
        ['local', local()],
        ['host', await remote(stack)],
      ] as const) {
        defer(() => opened.end());
        const { perSecond, stopMs } = await flood(opened, quick ? 1_000 : 2_000);
        opened.end();
        figures[`${name} MB/s`] = perSecond / 1e6;
        figures[`${name} ms to stop`] = stopMs;
      }
      report.run('terminal', `flood ${round + 1}`, figures);
      ratios.push(figures['host MB/s']! / figures['local MB/s']!);
      stops.push(figures['host ms to stop']!);
    }
    const [near, far] = [local(), await remote(stack)];
    defer(() => near.end());
    defer(() => far.end());
    const keys = quick ? 200 : 600;
    const [nearTimes, farTimes] = [await echoes(near, keys), await echoes(far, keys)];
    const above = at(farTimes, 0.99) - at(nearTimes, 0.99);
    report.run('terminal', `${keys} keys`, {
      'local p50 ms': at(nearTimes, 0.5),
      'local p99 ms': at(nearTimes, 0.99),
      'host p50 ms': at(farTimes, 0.5),
      'host p99 ms': at(farTimes, 0.99),
    });
    ratios.sort((a, b) => a - b);
    report.reach({
      ...{ bench: 'terminal', figure: 'output of a local PTY', unit: '×' },
      ...{ target: { least: 0.5 }, reached: at(ratios, 0.5) },
    });
    report.reach({
      ...{ bench: 'terminal', figure: 'Ctrl-C in a flood', unit: 'ms' },
      ...{ target: { most: 300 }, reached: Math.max(...stops) },
    });
    report.reach({
      ...{ bench: 'terminal', figure: 'p99 of the echo above local', unit: 'ms' },
      ...{ target: { most: 15 }, reached: above },
    });
  },
};
