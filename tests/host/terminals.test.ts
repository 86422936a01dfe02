import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createApi, openTerminal, type TerminalConnection } from '@pizzapi/session-client';
import { WebSocket } from 'ws';
import { startLocalStack, type LocalStack } from '../support/localStack.js';
import { until } from '../support/until.js';

let stack: LocalStack;
let rid: string;
beforeAll(async () => {
  stack = await startLocalStack({ SHELL: '/bin/bash' });
  await until('the runner is online', async () => {
    const { runners } = await call(api().runners());
    rid = runners.find(({ online }) => online)?.runnerId ?? '';
    return rid !== '';
  });
}, 120_000);
afterAll(() => stack.clear());

const api = () => createApi({ url: stack.url, token: stack.token });
async function call<T>(
  asked: Promise<{ kind: 'ok'; value: T } | { kind: 'failed'; error: { message: string } }>,
): Promise<T> {
  const result = await asked;
  if (result.kind === 'failed') throw new Error(result.error.message);
  return result.value;
}

function show(terminalId: string): TerminalConnection & { text: () => string } {
  const decoder = new TextDecoder();
  let text = '';
  const terminal = openTerminal({ url: stack.url, token: stack.token, terminalId, WebSocket });
  terminal.onData((bytes, taken) => {
    text += decoder.decode(bytes, { stream: true });
    taken();
  });
  return Object.assign(terminal, { text: () => text });
}

describe('a terminal of a host', () => {
  it('shows a shell', async () => {
    const { terminalId } = await call(api().runnerCall(rid, 'new_terminal', { cols: 80, rows: 24 }));
    const t = show(terminalId);
    await until('live', () => t.connection.state.kind === 'live');
    expect(t.input('echo $((41+1))\r')).toBe(true);
    await until('answer', () => t.text().includes('42'));
    const t0 = performance.now();
    t.input('yes\r');
    await until('flood', () => t.position > 2_000_000);
    console.log('MB/s', t.position / 1e3 / (performance.now() - t0));
    const t1 = performance.now();
    t.input('\x03');
    t.input('echo DO""NE\r');
    await until('done', () => t.text().endsWith('\r\n') === false && t.text().includes('DONE\r\n'));
    console.log('ctrl-c', performance.now() - t1);
    t.kill();
    await until('exit', () => t.exit !== undefined);
    console.log(t.exit, t.problem);
  }, 60_000);
});
