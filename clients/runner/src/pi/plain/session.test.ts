import type { Author } from '@pizzapi/protocol';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Recorder } from '../testKit.js';
import { isLive } from './entries.js';
import { openTestPlainPi, type TestPlainPi } from './testKit.js';

const ANN: Author = { userId: 'ann', via: 'owner' };
const GUEST: Author = { userId: 'sh_1', via: 'collab', name: 'Ada' };

let plain: TestPlainPi;
let log: Recorder;
beforeEach(async () => {
  vi.stubEnv('PIZZAPI_DEMO_SPEED', 'instant');
  plain = await openTestPlainPi();
  log = new Recorder();
  await plain.session.sharedTo(log, 's1').start();
});
afterEach(async () => {
  await plain.close();
  vi.unstubAllEnvs();
});

/** The entries of the conversation. A newer pi also writes its prompt into the file. */
const entries = () =>
  plain.pi.sessionManager
    .getEntries()
    .flatMap((entry) => (entry.type === 'message' && isLive(entry.message.role) ? [entry.id] : []));
const messages = (role: string) => log.all('message_end').filter(({ message }) => message.role === role);

/** Has the agent say something for as long as the test needs. */
async function atWork(): Promise<void> {
  vi.stubEnv('PIZZAPI_DEMO_SPEED', '600');
  expect(await plain.session.submitInput({ commandId: 'c1', text: '/demo thinking', by: ANN })).toEqual({ kind: 'ok' });
  await log.until(() => log.deltas.length > 0);
}

it('an input of a viewer reaches the agent of a plain pi, with its author, and each message names its entry', async () => {
  expect(await plain.session.submitInput({ commandId: 'c1', text: '/demo thinking', by: ANN })).toEqual({
    kind: 'ok',
  });
  await log.next('agent_end');
  expect((await log.next('input_delivered')).commandId).toBe('c1');
  expect(plain.notices.join()).toContain('ann (from another client) says:');
  await log.until(() => messages('assistant').length === 1);
  expect(log.all('message_end').map(({ entryId }) => entryId)).toEqual(entries());
  expect(messages('user')[0]!.origin).toMatchObject({ commandId: 'c1', by: ANN });
});

it('the log of a plain pi has the events of a run in the order of a hosted session', async () => {
  await plain.pi.prompt('/demo thinking');
  await log.next('agent_end');
  const types = log.types().filter((type) => !/usage|model|auth|thinking_level/.test(type));
  expect(types).toEqual([
    'agent_start',
    'turn_start',
    'input_received',
    'message_start',
    'input_delivered',
    'message_end',
    'message_start',
    'message_end',
    'turn_end',
    'agent_end',
  ]);
  expect(log.all('input_received')[0]).toMatchObject({ text: '/demo thinking', by: { via: 'terminal' } });
});

it('the history of a plain pi and what follows live name the same entries once', async () => {
  await plain.pi.prompt('/demo thinking');
  await log.next('agent_end');
  await plain.session.dispose();
  await plain.pi.prompt('/demo thinking');
  await expect.poll(entries).toHaveLength(4);
  const again = new Recorder();
  const missed = plain.session.missed();
  await plain.session.sharedTo(again, 's1').start();
  expect(missed.filter(({ type }) => type === 'message_end')).toHaveLength(2);
  await plain.pi.prompt('/demo thinking');
  await again.until(() => again.all('message_end').length === 2);
});

it('an input that steers a run of a plain pi is read in this run, and one that follows up after it', async () => {
  await atWork();
  await plain.session.submitInput({ commandId: 'c2', text: 'later', by: ANN, deliverAs: 'followUp' });
  await plain.session.submitInput({ commandId: 'c3', text: 'now', by: ANN });
  expect(log.all('queue_update').at(-1)).toMatchObject({
    items: [
      { commandId: 'c3', deliverAs: 'steer' },
      { commandId: 'c2', deliverAs: 'followUp' },
    ],
  });
  vi.stubEnv('PIZZAPI_DEMO_SPEED', 'instant');
  await log.until(() => messages('user').length === 3 && log.all('agent_end').length >= 2);
  expect(messages('user').map(({ origin }) => origin?.commandId)).toEqual(['c1', 'c3', 'c2']);
  expect(log.all('queue_update').at(-1)).toMatchObject({ items: [] });
});

it('a stop keeps what waits, which people can change, until the next input', async () => {
  await atWork();
  await plain.session.submitInput({ commandId: 'c2', text: 'later', by: ANN, deliverAs: 'followUp' });
  expect(await plain.session.abort()).toEqual({ kind: 'ok' });
  expect(plain.session.state()).toMatchObject({ isStreaming: false, queue: { followUp: ['later'] } });
  expect(plain.session.queue.edit('c2', 'later on', ANN)).toEqual({ kind: 'ok' });
  vi.stubEnv('PIZZAPI_DEMO_SPEED', 'instant');
  expect(plain.session.queue.sendNow('c2', ANN)).toEqual({ kind: 'ok' });
  await log.until(() => messages('user').length === 2);
  expect(messages('user')[1]!.message).toMatchObject({ content: [{ type: 'text', text: 'later on' }] });
});

it('the model, the thinking level and the name of a plain pi are set from the page, and the log has them', async () => {
  expect(await plain.session.setModel('demo/none')).toMatchObject({ kind: 'failed', error: { code: 'model_unknown' } });
  expect(await plain.session.setModel('demo/demo')).toEqual({ kind: 'ok', model: 'demo/demo' });
  expect(plain.session.setThinkingLevel('high')).toMatchObject({ kind: 'ok' });
  expect(plain.session.setName('Dough')).toEqual({ kind: 'ok' });
  expect(plain.session.name()).toBe('Dough');
  expect((await log.next('session_info_changed')).name).toBe('Dough');
});

it('a shell command that the person types is in the log of a plain pi', async () => {
  plain.pi.recordBashResult('echo dough', { output: 'dough', exitCode: 0, cancelled: false, truncated: false });
  const { message } = await log.next('message_end');
  expect(message).toMatchObject({ role: 'bashExecution', command: 'echo dough' });
  expect(log.all('message_start')[0]!.messageId).toBe(log.all('message_end')[0]!.messageId);
});

it('a command of a guest is a text for the extensions of a plain pi, and the guest is introduced', async () => {
  await plain.session.submitInput({ commandId: 'c1', text: '/demo thinking', by: GUEST });
  await log.next('agent_end');
  expect(messages('user')[0]!.message).toMatchObject({ content: [{ text: 'A guest wrote: /demo thinking' }] });
  expect(messages('user')[0]!.origin).toMatchObject({ commandId: 'c1', by: GUEST });
  expect(plain.notices.join()).toContain('Ada (guest) says:');
  expect(log.all('guests_at_work')[0]).toMatchObject({ guests: [{ shareId: 'sh_1' }] });
  await log.until(() => log.all('guests_at_work').at(-1)?.guests.length === 0);
});

it('what a guest had begun in a plain pi ends with the link of the guest', async () => {
  vi.stubEnv('PIZZAPI_DEMO_SPEED', '600');
  await plain.session.submitInput({ commandId: 'c1', text: 'Hello', by: GUEST });
  await log.until(() => log.deltas.length > 0);
  const left = await plain.session.guestLeft({ shareId: 'sh_1', name: 'Ada', why: 'revoked' });
  expect(left).toMatchObject({ kind: 'ok', stopped: true });
  const refused = await plain.session.submitInput({ commandId: 'c2', text: 'Again', by: GUEST });
  expect(refused).toMatchObject({ kind: 'failed', error: { code: 'link_ended' } });
});

it('a plain pi refuses what only our own terminal and runners do', async () => {
  expect(await plain.session.exec()).toMatchObject({ kind: 'failed', error: { code: 'command_unknown' } });
  expect(plain.session.fork()).toMatchObject({ kind: 'failed' });
  expect(plain.session.modes).toBeUndefined();
});

it('a plain pi that loads its extensions again keeps its session, and is shared further', async () => {
  await plain.pi.reload();
  expect(plain.plain.terminal.session).toBe(plain.session);
  await plain.session.submitInput({ commandId: 'c1', text: 'Hello', by: ANN });
  await log.next('agent_end');
  expect(messages('user')).toHaveLength(1);
});
