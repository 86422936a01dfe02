import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { silentLogger } from '@pizzapi/process';
import type { SessionEvent } from '@pizzapi/protocol';
import { ModelCatalog } from '../daemon/models.js';
import { startModelServer, type ModelServer } from '../testing/modelServer.js';
import { listModels } from './models.js';
import { openPiSession } from './open.js';
import { readPiSessionFile } from './sessionImport.js';
import { IS_PI_1, openTestSession, type TestSession } from './testKit.js';
import type { OpenOptions } from './types.js';

/** Written by pi 1.6; its README says how. */
const HOME = join(import.meta.dirname, '../../../../tests/fixtures/pi-1.6-home');
/** The highest level of the model: pi 0.73 has no `max`. */
const HIGHEST = IS_PI_1 ? 'max' : 'xhigh';
const SECRET = 'hunter2';
/** From the project's AGENTS.md, from the prompt of pi, and the name of a tool list. */
const PROMPT = /Bluebird|coding assistant running inside pi|toolsAdded/;

const root = realpathSync(mkdtempSync(join(tmpdir(), 'pizzapi-home-')));
const agentDir = join(root, 'agent');
const cwd = join(root, 'app');
const file = join(agentDir, 'sessions', 'session.jsonl');
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
  mkdirSync(join(agentDir, 'sessions'), { recursive: true });
  mkdirSync(cwd, { recursive: true });
  for (const name of ['auth.json', 'settings.json']) cpSync(join(HOME, name), join(agentDir, name));
  cpSync(join(HOME, 'session.jsonl'), file);
  writeModels();
  server.requests.length = 0;
  vi.stubEnv('OFFICE_KEY', 'sk-office');
  vi.stubEnv('OFFICE_TEAM', 'blue');
  vi.stubEnv('OFFICE_DESK', '7');
  vi.stubEnv('OFFICE_ANTHROPIC', undefined);
  vi.stubEnv('ANTHROPIC_API_KEY', undefined);
});

afterEach(async () => {
  await open?.close();
  open = undefined;
  vi.unstubAllEnvs();
});

function writeModels(): void {
  const text = readFileSync(join(HOME, 'models.json'), 'utf8').replace('http://127.0.0.1:9', server.url);
  writeFileSync(join(agentDir, 'models.json'), text);
}

async function resumed(options: Partial<OpenOptions> = {}): Promise<TestSession> {
  open = await openTestSession({ agentDir, cwd, sessionFile: file, human: false, model: undefined, ...options });
  return open;
}

async function say(test: TestSession, text = 'And now?') {
  const outcome = await test.session.submitInput({ commandId: 'c1', text });
  if (outcome.kind === 'ok') await test.log.next('agent_end');
  return outcome;
}

const shown = (events: SessionEvent[]) => JSON.stringify(events);

describe('the session of a home that pi 1.6 wrote', () => {
  const importFile = () => {
    const outcome = readPiSessionFile(file, { userId: 'ann', runnerId: 'r1', piVersion: '1', epoch: 1 });
    if (outcome.kind === 'invalid') throw new Error(outcome.message);
    return outcome;
  };

  it('is imported without the prompt of pi and without what was redacted', () => {
    const { events, messages, repairs, skipped } = importFile();
    expect(shown(events)).not.toMatch(PROMPT);
    expect(shown(events)).not.toContain(SECRET);
    const starts = JSON.parse(shown(events.filter(({ type }) => type === 'message_start'))) as { role: string }[];
    expect(starts.map(({ role }) => role)).toEqual([
      ...['user', 'assistant', 'user', 'user', 'assistant', 'toolResult', 'assistant'],
    ]);
    expect(shown(events)).toContain('The password is [redacted]. Keep it.');
    expect(messages).toBe(7);
    expect([repairs, skipped]).toEqual([[], []]);
  });

  it('counts what was used beside the messages, and by an answer that was left out', () => {
    expect(importFile().events.find(({ type }) => type === 'token_usage_updated')).toMatchObject({
      tokenUsage: { input: 400, output: 40, cacheRead: 5000, cost: 0.015 },
    });
  });

  it('counts the entries and messages of a kind that we do not know', () => {
    const entry = (rest: object) => `${JSON.stringify({ id: 'f'.repeat(8), parentId: 'd8e1d5b6', ...rest })}\n`;
    const message = { role: 'developer', content: 'You are Bluebird', timestamp: 1 };
    const text = readFileSync(file, 'utf8');
    writeFileSync(
      file,
      `${text}${entry({ type: 'tool_loadout' })}${entry({ id: 'e'.repeat(8), type: 'message', message })}`,
    );
    const { events, repairs, skipped } = importFile();
    expect(repairs).toEqual([]);
    expect(skipped).toEqual([
      'an entry of the unknown kind "tool_loadout"',
      'a message of the unknown role "developer"',
    ]);
    expect(shown(events)).not.toContain('Bluebird');
  });

  it('is opened without them in its history, and continues without sending them to the model', async () => {
    const test = await resumed();
    expect(shown(test.session.history())).not.toMatch(PROMPT);
    expect(await say(test)).toEqual({ kind: 'ok' });
    const log = [...test.session.history(), ...test.log.events];
    expect(shown(log)).not.toContain(SECRET);
    expect(server.requests).toHaveLength(1);
    const { body } = server.requests[0]!;
    expect(body).not.toContain(SECRET);
    expect(body).not.toContain('Bluebird');
    expect(body).toContain('The password is [redacted]. Keep it.');
  });

  it('keeps what pi 1.6 wrote in its file', async () => {
    const before = readFileSync(file, 'utf8');
    await say(await resumed());
    expect(readFileSync(file, 'utf8').startsWith(before)).toBe(true);
  });

  it('is forked without what was redacted, also from before the edit', async () => {
    const test = await resumed();
    const ids = test.session
      .history()
      .flatMap((event) => (event.type === 'message_end' ? [String(event['entryId'])] : []));
    for (const entryId of [undefined, ids[3]]) {
      const forked = test.session.fork(entryId);
      if (forked.kind === 'failed' || forked.sessionFile === undefined) throw new Error('not forked');
      expect(readFileSync(forked.sessionFile, 'utf8')).not.toContain(SECRET);
    }
    expect(test.session.fork(ids[2])).toMatchObject({ text: 'The password is [redacted]. Keep it.' });
  });

  it('thinks on the highest level that there is in place of max', async () => {
    const test = await resumed();
    expect(test.session.thinkingLevel()).toBe(HIGHEST);
    await say(test);
    expect(JSON.parse(server.requests[0]!.body)).toMatchObject({ reasoning_effort: HIGHEST });
  });
});

describe('a new session in a home that pi 1.6 wrote', () => {
  const started = () => resumed({ sessionFile: undefined });

  it('sends the values of the variables that keys and headers refer to', async () => {
    await say(await started());
    expect(server.requests[0]!.headers).toMatchObject({
      authorization: 'Bearer sk-office',
      'x-team': 'team-blue',
      'x-price': '5$',
      'x-desk': '7',
    });
  });

  it('has the default model and the highest level for max, from settings and from a command', async () => {
    const test = await started();
    expect([test.session.model(), test.session.thinkingLevel()]).toEqual(['office/scribe-2', HIGHEST]);
    expect(test.session.setThinkingLevel('low')).toEqual({ kind: 'ok', level: 'low' });
    expect(test.session.setThinkingLevel('max')).toEqual({ kind: 'ok', level: HIGHEST });
  });

  // pi 1.x resolves references by itself, and says what is missing when it sends.
  it.skipIf(IS_PI_1).each([
    ['OFFICE_KEY', 'office/scribe-2'],
    ['OFFICE_DESK', 'office/scribe-2'],
    ['OFFICE_ANTHROPIC', 'anthropic/claude-sonnet-4-5'],
  ])('is refused by name when %s is not set', async (name, model) => {
    vi.stubEnv(name, undefined);
    const outcome = await openPiSession({ agentDir, cwd, model, human: false, sink: { event() {}, delta() {} } });
    expect(outcome).toMatchObject({ kind: 'refused', error: { code: 'model_unauthenticated' } });
    expect(outcome.kind === 'refused' && outcome.error.message).toContain(`${name} is not set`);
    expect((await listModels(agentDir)).models.map(({ model: available }) => available)).not.toContain(model);
    const error = { code: 'model_unauthenticated', message: expect.stringContaining(`${name} is not set`) as string };
    const catalog = new ModelCatalog({
      ...{ agentDir, log: silentLogger, pi: () => '', file: join(root, 'models.kept') },
      ask: (folder) => listModels(folder, { all: true }),
    });
    expect(await catalog.problem(model)).toMatchObject(error);
  });

  it('leaves the files of the person as they are', async () => {
    const names = ['auth.json', 'settings.json', 'models.json'];
    const read = () => names.map((name) => readFileSync(join(agentDir, name), 'utf8'));
    const before = read();
    await say(await started());
    expect(read()).toEqual(before);
    // pi 1.x keeps the lists of models that it has fetched in a file of its own.
    const others = readdirSync(agentDir).filter((name) => name.endsWith('.json') && !names.includes(name));
    expect(others).toEqual(IS_PI_1 ? ['models-store.json'] : []);
  });
});
