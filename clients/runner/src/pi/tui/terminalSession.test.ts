import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Author } from '@pizzapi/protocol';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Recorder } from '../testKit.js';
import { openTestTerminal, type TestTerminal } from './testKit.js';

const ANN: Author = { userId: 'ann', via: 'owner' };

let terminal: TestTerminal;
let log: Recorder;
beforeEach(async () => {
  vi.stubEnv('PIZZAPI_DEMO_SPEED', 'instant');
  terminal = await openTestTerminal();
  log = new Recorder();
  await terminal.session.sharedTo(log, 's1').start();
});
afterEach(async () => {
  await terminal.close();
  vi.unstubAllEnvs();
});

it('an input from another screen reaches the agent of a terminal, and the terminal shows its author', async () => {
  const input = { commandId: 'c1', text: '/demo thinking', by: ANN };
  expect(await terminal.session.submitInput(input)).toEqual({ kind: 'ok' });
  expect((await log.next('input_delivered')).commandId).toBe('c1');
  expect(terminal.introduced).toEqual([ANN]);
  await log.next('agent_end');
});

it('an answer to an earlier prompt reaches the agent of a terminal without an event of its own, and is recorded as read', async () => {
  await terminal.session.deliverAnswer('Answered: Gas');
  await log.next('agent_end');
  expect(log.all('input_delivered')).toEqual([]);
  const kinds = terminal.session.agent.sessionManager
    .getEntries()
    .flatMap((entry) => (entry.type === 'custom' ? [entry.customType] : []));
  expect(kinds).toEqual(['pizzapi.inbox', 'pizzapi.inbox-done']);
  terminal.session.restoreAnswers();
  await expect.poll(() => terminal.session.state().isStreaming).toBe(false);
  await terminal.say('/demo thinking');
  expect(log.all('message_end').filter(({ message }) => message.role === 'user')).toHaveLength(2);
});

it('messages of others that the person at the terminal takes out of the queue are reported as taken out', async () => {
  const { session } = terminal;
  vi.stubEnv('PIZZAPI_DEMO_SPEED', 'human');
  await session.submitInput({ commandId: 'c1', text: '/demo thinking', by: ANN });
  await log.until(() => log.deltas.length > 0);
  await session.submitInput({ commandId: 'c2', text: 'later', by: ANN, deliverAs: 'followUp' });
  expect(log.all('queue_update').at(-1)).toMatchObject({ items: [{ commandId: 'c2', deliverAs: 'followUp' }] });
  // What pi's terminal does for the escape key.
  expect(session.agent.clearQueue()).toMatchObject({ followUp: ['later'] });
  expect(log.all('input_dropped')).toMatchObject([
    { commandId: 'c2', by: { via: 'terminal' }, error: { code: 'input_withdrawn' } },
  ]);
  expect(log.all('queue_update').at(-1)).toMatchObject({ items: [] });
  await session.abort();
});

it('a terminal that continues a file of pi 1.6 keeps what was redacted from the model and from viewers', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'pizzapi-redacted-'));
  const sessionFile = join(folder, 'session.jsonl');
  cpSync(join(import.meta.dirname, '../../../../../tests/fixtures/pi-1.6-home/session.jsonl'), sessionFile);
  const redacted = await openTestTerminal({ sessionFile });
  const { agent } = redacted.session;
  for (const said of [redacted.session.history(), agent.messages, agent.sessionManager.buildSessionContext()])
    expect(JSON.stringify(said)).not.toContain('hunter2');
  expect(JSON.stringify(agent.messages)).toContain('The password is [redacted]');
  // The demo model has less than the level max of the file.
  expect(agent.thinkingLevel).toBe(agent.getAvailableThinkingLevels().at(-1));
  expect(agent.thinkingLevel).not.toBe('off');
  await redacted.close();
  rmSync(folder, { recursive: true });
});
