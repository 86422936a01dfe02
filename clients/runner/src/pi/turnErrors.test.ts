import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { openTestSession, type TestSession } from './testKit.js';

let agentDir: string;
let opened: TestSession | undefined;

beforeEach(() => {
  vi.stubEnv('PIZZAPI_DEMO_SPEED', 'instant');
  agentDir = realpathSync(mkdtempSync(join(tmpdir(), 'pizzapi-turn-')));
});
afterEach(async () => {
  await opened?.close();
  opened = undefined;
  rmSync(agentDir, { recursive: true, force: true });
  vi.unstubAllEnvs();
});

async function start(extension?: string): Promise<TestSession> {
  if (extension !== undefined) {
    mkdirSync(join(agentDir, 'extensions'));
    writeFileSync(join(agentDir, 'extensions', 'test.ts'), `export default (pi) => { ${extension} };`);
  }
  return (opened = await openTestSession({ agentDir }));
}

const errorsOf = ({ log }: TestSession): string[] =>
  log.all('dialog_opened').flatMap(({ level, title }) => (level === 'error' ? [title ?? ''] : []));

describe('an error in a turn', () => {
  it('an error is shown when pi cannot store a message in its file', async () => {
    const test = await start();
    const { session, log } = test;
    await session.submitInput({ commandId: 'c1', text: '/demo thinking' });
    await log.next('agent_end');
    const file = session.sessionFile!;
    rmSync(file);
    mkdirSync(file);
    await session.submitInput({ commandId: 'c2', text: '/demo thinking' });
    await log.next('agent_end', 2);
    await log.until(() => errorsOf(test).length > 0);
    expect(errorsOf(test)[0]).toContain('EISDIR');
  });

  it('an answer without usage and a tool result without content do not break the turns after them', async () => {
    const test = await start(`
      pi.registerTool({
        name: 'strange', label: 'Strange', description: 'Returns no content',
        parameters: { type: 'object', properties: {} },
        execute: async () => ({ details: {} }),
      });
      pi.on('message_end', ({ message }) => {
        if (message.role !== 'assistant') return;
        const { usage, ...rest } = message;
        return { message: rest };
      });
    `);
    const { session, log } = test;
    for (const n of [1, 2]) {
      await session.submitInput({ commandId: `c${n}`, text: '/demo call strange {}' });
      await log.next('agent_end', n);
    }
    expect(errorsOf(test)).toEqual([]);
    const { message } = log.all('message_end').at(-1)!;
    expect(message).toMatchObject({ role: 'assistant', usage: { input: expect.any(Number) as number } });
    expect(message).not.toHaveProperty('errorMessage');
    expect(JSON.stringify(log.events)).not.toMatch(/undefined|NaN/);
  });
});
