import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { startModelServer, type ModelServer } from '../testing/modelServer.js';
import { acceptedData, INBOX_ENTRY } from './inboxEntries.js';
import { IS_PI_1, openTestSession, type TestSession } from './testKit.js';
import type { OpenOptions } from './types.js';

const root = realpathSync(mkdtempSync(join(tmpdir(), 'pizzapi-missing-')));
const [cwd, agentDir] = [join(root, 'app'), join(root, 'agent')];
const file = join(root, 'session.jsonl');
let server: ModelServer;
let open: TestSession | undefined;

beforeAll(async () => {
  server = await startModelServer();
});
afterAll(async () => {
  await server.close();
  rmSync(root, { recursive: true });
});
beforeEach(() => {
  rmSync(agentDir, { recursive: true, force: true });
  for (const path of [cwd, agentDir]) mkdirSync(path, { recursive: true });
  server.requests.length = 0;
  const models = ['paid', 'old'].map((id) => ({ id }));
  provide({ models });
  // What pi by itself would use in place of the model of the session.
  writeFileSync(join(agentDir, 'settings.json'), JSON.stringify({ defaultProvider: 'office', defaultModel: 'paid' }));
  recordSession('office', 'old');
});
afterEach(async () => {
  await open?.close();
  open = undefined;
  vi.unstubAllEnvs();
});

function provide(more: object): void {
  const office = { baseUrl: `${server.url}/v1`, api: 'openai-completions', apiKey: 'key', ...more };
  writeFileSync(join(agentDir, 'models.json'), JSON.stringify({ providers: { office } }));
}

const line = (id: string, parentId: string | null, fields: object) =>
  `${JSON.stringify({ id, parentId, timestamp: '2026-01-01T00:00:00.000Z', ...fields })}\n`;

function recordSession(provider: string, model: string): void {
  const header = { type: 'session', version: 3, id: 'pi-1', timestamp: '2026-01-01T00:00:00.000Z', cwd };
  const user = { role: 'user', content: 'Hello', timestamp: 1 };
  const answer = { ...user, role: 'assistant', content: [{ type: 'text', text: 'Hi.' }], provider, model };
  const entries = [
    line('a', null, { type: 'model_change', provider, modelId: model }),
    line('b', 'a', { type: 'message', message: user }),
    line('c', 'b', { type: 'message', message: { ...answer, stopReason: 'stop' } }),
  ];
  writeFileSync(file, `${JSON.stringify(header)}\n${entries.join('')}`);
}

async function resumed(options: Partial<OpenOptions> = {}): Promise<TestSession> {
  open = await openTestSession({ agentDir, cwd, sessionFile: file, human: false, model: undefined, ...options });
  return open;
}

const say = ({ session }: TestSession, text = 'And now?', commandId = 'c1') => session.submitInput({ commandId, text });

describe('a session whose model is not there any more', () => {
  it.each([
    ['from its file', {}],
    ['as the daemon has recorded it', { isResumed: true, modelMayBeMissing: true, model: 'office/gone' }],
  ])('opens with its history and the name of the model %s, and says what to do', async (_from, options) => {
    recordSession('office', 'gone');
    const { session, log } = await resumed(options);
    expect(session.model()).toBe('office/gone');
    expect(session.history().filter(({ type }) => type === 'message_end')).toHaveLength(2);
    expect(log.all('model_changed').at(-1)!.model).toMatchObject({ id: 'gone', problem: 'model_unknown' });
    const [notice] = log.all('dialog_opened');
    expect(notice).toMatchObject({ method: 'notify', level: 'warning' });
    expect(notice!['title']).toMatch(/^There is no model "office\/gone"\..* Until then, nothing is sent/);
  });

  it('refuses what would need a model by the name of the missing one, and sends nothing', async () => {
    recordSession('office', 'gone');
    const test = await resumed();
    const problem = {
      kind: 'failed',
      error: { code: 'model_unknown', message: expect.stringContaining('office/gone') as string },
    };
    expect(await say(test)).toMatchObject(problem);
    expect(await test.session.compact()).toMatchObject(problem);
    expect(await test.session.setModel('office/none')).toMatchObject({ error: { code: 'model_unknown' } });
    expect(await say(test, 'Again', 'c2')).toMatchObject(problem);
    expect(server.requests).toEqual([]);
    expect(test.log.all('agent_start')).toEqual([]);
    // The file still names the model, for a pi that has it.
    expect(readFileSync(file, 'utf8')).not.toContain('paid');
  });

  it('continues with the model that a person chooses', async () => {
    recordSession('office', 'gone');
    const test = await resumed();
    expect(await test.session.setModel('office/old')).toEqual({ kind: 'ok', model: 'office/old' });
    expect(test.log.all('model_changed').at(-1)!.model).toEqual(
      expect.not.objectContaining({ problem: 'model_unknown' }),
    );
    expect(await say(test)).toEqual({ kind: 'ok' });
    await test.log.next('agent_end');
    expect(server.requests.map(({ body }) => (JSON.parse(body) as { model: string }).model)).toEqual(['old']);
  });

  it('continues by itself when the model is there again', async () => {
    recordSession('office', 'gone');
    const test = await resumed();
    expect(await say(test)).toMatchObject({ error: { code: 'model_unknown' } });
    provide({ models: [{ id: 'gone' }] });
    expect(await say(test, 'Now?', 'c2')).toEqual({ kind: 'ok' });
    await test.log.next('agent_end');
    expect(server.requests).toHaveLength(1);
  });

  it('keeps the messages that an earlier process had accepted until a person has chosen', async () => {
    recordSession('office', 'gone');
    const message = {
      id: 'c9',
      text: 'Do not lose me',
      by: { userId: 'ann', via: 'owner' },
      policy: 'untilRead',
    } as const;
    const data = acceptedData({ piSessionId: 'pi-1', sid: undefined }, message, false);
    appendFileSync(file, line('d', 'c', { type: 'custom', customType: INBOX_ENTRY, data }));
    const test = await resumed();
    expect(server.requests).toEqual([]);
    await test.session.setModel('office/old');
    await test.log.next('agent_end');
    expect(server.requests.map(({ body }) => body.includes('Do not lose me'))).toEqual([true]);
  });

  it('cannot be made to send anything by an extension either', async () => {
    recordSession('office', 'gone');
    mkdirSync(join(agentDir, 'extensions'));
    writeFileSync(
      join(agentDir, 'extensions', 'eager.js'),
      `export default (pi) => pi.on('session_start', () => pi.sendMessage({ customType: 'x', content: 'Go', display: true }, { triggerTurn: true }));`,
    );
    const test = await resumed();
    const end = await test.log.next('message_end', 2);
    // pi 1.x refuses it in words of its own.
    const why = IS_PI_1 ? 'pizzapi-unusable' : String.raw`There is no model \"office/gone\"`;
    expect(JSON.stringify(end)).toContain(why);
    expect(server.requests).toEqual([]);
  });
});

it('a session whose model has no key refuses inputs by its name, and sends nothing to the default model', async () => {
  vi.stubEnv('ANTHROPIC_API_KEY', undefined);
  recordSession('anthropic', 'claude-sonnet-4-5');
  const test = await resumed();
  expect(test.log.all('model_changed').at(-1)!.model).toMatchObject({ problem: 'model_unauthenticated' });
  expect(await say(test)).toMatchObject({
    error: { code: 'model_unauthenticated', message: expect.stringContaining('anthropic/claude-sonnet-4-5') as string },
  });
  expect(server.requests).toEqual([]);
});

it('a session that never had a model gets one that works', async () => {
  const test = await resumed({ sessionFile: undefined, isResumed: true, modelMayBeMissing: true, model: '' });
  expect(test.session.model()).toBe('office/paid');
});
