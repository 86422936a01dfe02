import { afterEach, describe, expect, it, vi } from 'vitest';
import type { TerminalNotice } from './messages.js';
import { sweepTerminal } from './sweepTerminal.js';
import { Terminal } from './terminal.js';
import { PAUSE_BYTES } from './watchers.js';

const ID = 't_aaaaaaaaaaaa_test';
/** What one read of a PTY may bring beyond the bytes at which it is paused. */
const READ_BYTES = 256 * 1024;

let terminal: Terminal | undefined;
afterEach(async () => {
  terminal?.close();
  await sweepTerminal(ID, terminal?.pid);
});

function open({ idleMs = 0 } = {}) {
  const notices: TerminalNotice[] = [];
  const onOver = vi.fn<(why: 'exit' | 'idle') => void>();
  const env = { PATH: process.env['PATH'] ?? '', PIZZAPI_SESSION: ID, PS1: '$ ' };
  terminal = Terminal.open(
    { terminalId: ID, name: 'one', cwd: '/', cols: 80, rows: 24, argv: ['/bin/sh'], env, idleMs },
    { notify: (notice) => notices.push(notice), onOver, lookMs: 10 },
  );
  const watch = (taken: number, viewers = [{ viewer: 'a', name: 'A' }]) =>
    terminal!.watch({ gateway: 'g', viewers, taken });
  const printed = () =>
    Buffer.concat(notices.flatMap((notice) => (notice.type === 'printed' ? [notice.bytes] : []))).toString();
  const type = (text: string) => terminal!.input(Buffer.from(text), 'a');
  return { terminal, notices, onOver, watch, printed, type };
}
const soon = (condition: () => boolean) => expect.poll(condition, { interval: 5, timeout: 10_000 }).toBe(true);

describe('the process of a terminal', () => {
  it('pauses its shell while the writer does not take the output, and loses none of it, also when the shell ends then', async () => {
    const { terminal, onOver, watch, printed, type } = open();
    watch(0);
    type('head -c 1000000 /dev/zero | tr "\\0" x; echo; echo la""st; exit 4\r');
    await soon(() => terminal.state.head > PAUSE_BYTES);
    const paused = terminal.state.head;
    // It answers all the same, and prints no more than was on its way.
    expect(terminal.output(paused - 10, 1_000).n).toBeGreaterThanOrEqual(paused);
    expect(terminal.state.head).toBeLessThan(PAUSE_BYTES + READ_BYTES);
    expect(onOver).not.toHaveBeenCalled();
    while (!terminal.hasEnded) {
      watch(Math.min(terminal.state.head, 900_000));
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(terminal.state.exit).toEqual({ code: 4, signal: null });
    expect(printed().length).toBe(terminal.state.head);
    expect(printed().slice(-20)).toMatch(/x\r\nlast\r\n/);
    expect(onOver.mock.calls).toEqual([['exit']]);
  });

  it('interrupts a flood that is paused', async () => {
    const { terminal, watch, type, notices } = open();
    watch(0);
    type('yes; echo int""errupted\r');
    await soon(() => terminal.state.head > PAUSE_BYTES);
    type('\x03');
    await expect
      .poll(() => {
        watch(terminal.state.head);
        return Buffer.from(terminal.output(terminal.state.head - 200, 200).bytes).toString();
      })
      .toMatch(/\$ $/);
    expect(notices.every((notice) => notice.type !== 'printed' || notice.bytes.length <= 64 * 1024)).toBe(true);
  });

  it('publishes nothing while it is not watched, and keeps it', async () => {
    const { terminal, notices, watch, printed } = open();
    terminal.input(Buffer.from('echo un""seen\r'), undefined);
    await soon(() => Buffer.from(terminal.output(0, 1_000).bytes).includes('unseen'));
    expect(notices.filter(({ type }) => type === 'printed')).toEqual([]);
    watch(terminal.state.head);
    terminal.input(Buffer.from('echo se""en\r'), 'a');
    await soon(() => printed().includes('seen'));
    expect(printed()).not.toContain('unseen');
  });

  it('is over after its time without viewers, and not before the last one has left', async () => {
    const { onOver, watch } = open({ idleMs: 60 });
    watch(0);
    await new Promise((resolve) => setTimeout(resolve, 150));
    expect(onOver).not.toHaveBeenCalled();
    watch(0, []);
    await soon(() => onOver.mock.calls.length > 0);
    expect(onOver).toHaveBeenCalledWith('idle');
  });
});
