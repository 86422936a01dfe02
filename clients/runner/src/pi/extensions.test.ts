import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { openPiSession } from './open.js';
import { openTestSession, Recorder, type TestSession } from './testKit.js';

const owner = { userId: 'ann', via: 'owner' } as const;

/** An extension as a person has it in `~/.pi/agent/extensions`. */
const EXTENSION = `
export default function (pi) {
  pi.on('session_start', async (_event, ctx) => {
    if (process.env.ASK_AT_START) ctx.ui.notify('welcome ' + (await ctx.ui.input('Who are you?')));
    ctx.ui.setWidget('clock', ['12:00']);
    ctx.ui.setWidget('clock', undefined);
  });
  pi.registerCommand('slow', {
    description: 'Asks before it ends',
    handler: async (args, ctx) => {
      const custom = await ctx.ui.custom(() => { throw new Error('no terminal'); });
      ctx.ui.notify(args + ' ' + (await ctx.ui.confirm('Sure?', 'Really')) + ' ' + custom, 'warning');
    },
  });
  pi.registerCommand('broken', { description: 'Fails', handler: async () => { throw new Error('it broke'); } });
  pi.on('input', (event) => (event.text === 'swallow' ? { action: 'handled' } : { action: 'continue' }));
}
`;

let agentDir: string;
let test: TestSession | undefined;

beforeEach(() => {
  vi.stubEnv('PIZZAPI_DEMO_SPEED', 'instant');
  agentDir = mkdtempSync(join(tmpdir(), 'pizzapi-agent-'));
  mkdirSync(join(agentDir, 'extensions'));
  writeFileSync(join(agentDir, 'extensions', 'mine.ts'), EXTENSION);
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await test?.close();
  test = undefined;
  await rm(agentDir, { recursive: true, force: true });
});

it('a command of an extension is taken at once, and delivered when it is over', async () => {
  test = await openTestSession({ agentDir });
  const { session, log } = test;
  expect(log.all('dialog_opened')).toMatchObject([
    { method: 'widget', key: 'clock', lines: ['12:00'] },
    { method: 'widget', key: 'clock', title: '' },
  ]);
  expect(await session.submitInput({ commandId: 'c1', text: '/slow down' })).toEqual({ kind: 'ok' });
  await log.next('dialog_opened', 3);
  const { dialogId, method, message } = log.all('dialog_opened')[2]!;
  expect({ method, message }).toEqual({ method: 'confirm', message: 'Really' });
  expect(log.all('input_delivered')).toEqual([]);
  expect(session.answerDialog(dialogId, 'yes', owner)).toBe('invalid');
  session.answerDialog(dialogId, true, owner);
  expect(await log.next('input_delivered')).toMatchObject({ commandId: 'c1' });
  expect(log.all('dialog_opened').at(-1)).toMatchObject({ title: 'down true undefined', level: 'warning' });
  expect(log.all('agent_start')).toEqual([]);
});

it('what an extension swallows is delivered, and what it breaks is shown', async () => {
  test = await openTestSession({ agentDir });
  const { session, log } = test;
  expect(await session.submitInput({ commandId: 'c1', text: 'swallow' })).toEqual({ kind: 'ok' });
  expect(await session.submitInput({ commandId: 'c2', text: '/broken' })).toEqual({ kind: 'ok' });
  await log.next('input_delivered', 2);
  expect(log.all('input_delivered').map((e) => e.commandId)).toEqual(['c1', 'c2']);
  const notice = log.all('dialog_opened').at(-1)!;
  expect(notice).toMatchObject({ method: 'notify', level: 'error' });
  expect(notice.title).toContain('it broke');
});

it('a question at the start holds prompts back until it is answered', async () => {
  vi.stubEnv('ASK_AT_START', '1');
  const log = new Recorder();
  const cwd = mkdtempSync(join(agentDir, 'cwd-'));
  const outcome = await openPiSession({ cwd, agentDir, sink: log, model: 'demo/demo' });
  if (outcome.kind === 'refused') throw new Error(outcome.error.message);
  const { session } = outcome;
  expect(log.events).toEqual([]);
  const started = session.start();
  const { dialogId } = await log.next('dialog_opened');
  const prompted = session.submitInput({ commandId: 'c1', text: '/demo help' });
  session.answerDialog(dialogId, 'Ann', owner);
  await started;
  expect(await prompted).toEqual({ kind: 'ok' });
  await log.next('agent_end');
  const types = log.types();
  expect(types.slice(0, 4)).toEqual([
    'model_changed',
    'thinking_level_changed',
    'auth_source_changed',
    'token_usage_updated',
  ]);
  expect(types.indexOf('agent_start')).toBeGreaterThan(types.indexOf('dialog_resolved'));
  expect(log.all('dialog_opened')[1]!.title).toBe('welcome Ann');
  await session.dispose();
});
