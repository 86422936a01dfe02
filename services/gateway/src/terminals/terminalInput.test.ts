import { errorInfo, MAX_TERMINAL_INPUT_BYTES, type ErrorInfo } from '@pizzapi/protocol';
import { describe, expect, it } from 'vitest';
import { TerminalInput } from './terminalInput.js';

const LOST = errorInfo('host_lost', 'The runner is offline');

/** A host that answers when the test says so, and a clock that the test moves. */
function startHost() {
  const got: string[] = [];
  const answers: ((error?: ErrorInfo) => void)[] = [];
  let now = 0;
  const input = new TerminalInput(
    (bytes) => {
      got.push(Buffer.from(bytes).toString());
      return new Promise((resolve) => answers.push(resolve));
    },
    () => now,
  );
  return {
    got,
    type: (text: string) => input.type(Buffer.from(text)),
    begin: () => input.begin(),
    /** Answers the request that is open, and waits until what follows it is sent. */
    answer: async (error?: ErrorInfo) => {
      answers.shift()!(error);
      await new Promise(setImmediate);
    },
    wait: (ms: number) => (now += ms),
  };
}

describe('the input of a viewer of a terminal', () => {
  it('reaches the host in order, one request at a time, with all that was typed meanwhile in the next one', async () => {
    const host = startHost();
    const first = host.type('e');
    for (const key of 'cho') expect(await host.type(key)).toBeUndefined();
    expect(host.got).toEqual(['e']);
    await host.answer();
    expect(host.got).toEqual(['e', 'cho']);
    await host.answer();
    expect(await first).toBeUndefined();
    void host.type(' hi');
    expect(host.got).toEqual(['e', 'cho', ' hi']);
  });

  it('that follows a lost part is dropped to the end of its line', async () => {
    const host = startHost();
    const lost = host.type('rm ');
    void host.type('old');
    await host.answer(LOST);
    expect(await lost).toEqual(LOST);
    for (const key of '*\r') expect(await host.type(key)).toEqual(LOST);
    void host.type('ls\r');
    expect(host.got).toEqual(['rm ', 'ls\r']);
    await host.answer(LOST);
    void host.type('pwd\r');
    expect(host.got).toEqual(['rm ', 'ls\r', 'pwd\r']);
  });

  it('that follows a lost part is dropped until the person pauses', async () => {
    const host = startHost();
    void host.type('r');
    await host.answer(LOST);
    for (const key of 'm *') {
      host.wait(300);
      expect(await host.type(key)).toEqual(LOST);
    }
    host.wait(1_000);
    void host.type('x');
    expect(host.got).toEqual(['r', 'x']);
  });

  it('that interrupts is never dropped', async () => {
    const host = startHost();
    void host.type('sleep 1');
    await host.answer(LOST);
    expect(await host.type('0')).toEqual(LOST);
    void host.type('\x03');
    expect(host.got).toEqual(['sleep 1', '\x03']);
  });

  it('is not dropped after a viewer took the keyboard, nor after it was refused for another one’s', async () => {
    const host = startHost();
    const taken = errorInfo('keyboard_taken', 'Another viewer has the keyboard');
    const refused = host.type('a');
    await host.answer(taken);
    expect(await refused).toEqual(taken);
    void host.type('b');
    await host.answer(LOST);
    host.begin();
    void host.type('c');
    expect(host.got).toEqual(['a', 'b', 'c']);
  });

  it('waits in bounded memory, in requests of a bounded size', async () => {
    const host = startHost();
    void host.type('x');
    const part = 'y'.repeat(MAX_TERMINAL_INPUT_BYTES);
    for (let i = 0; i < 16; i++) expect(await host.type(part)).toBeUndefined();
    expect(await host.type('z')).toMatchObject({ code: 'rpc_busy' });
    await host.answer();
    expect(host.got).toEqual(['x']);

    const other = startHost();
    void other.type('x');
    for (let i = 0; i < 3; i++) void other.type(part);
    for (let i = 0; i < 4; i++) await other.answer();
    expect(other.got.map((text) => text.length)).toEqual([1, ...Array<number>(3).fill(MAX_TERMINAL_INPUT_BYTES)]);
  });
});
