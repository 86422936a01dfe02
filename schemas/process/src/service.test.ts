import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { EXIT } from './service.js';

const SOURCE = fileURLToPath(new URL('./testing/child.mjs', import.meta.url));
/** Below the checkout, so that the bundle finds the packages that it loads. */
const OUTPUT = fileURLToPath(new URL('../../../test-output/', import.meta.url));
let folder: string;

/** A process cannot load our sources: it gets a bundle of them, as the programs do. */
beforeAll(async () => {
  await mkdir(OUTPUT, { recursive: true });
  folder = await mkdtemp(join(OUTPUT, 'service-'));
  const bundle = await rolldown({
    input: SOURCE,
    platform: 'node',
    external: [/^msgpackr/],
    resolve: { conditionNames: ['@pizzapi/source', 'module', 'node'], extensionAlias: { '.js': ['.ts', '.js'] } },
    logLevel: 'warn',
  });
  await bundle.write({ dir: folder, format: 'esm', entryFileNames: 'child.js' });
  await bundle.close();
});
afterAll(() => rm(folder, { recursive: true, force: true }));

let child: ChildProcess | undefined;
afterEach(() => child?.kill('SIGKILL'));

/** A real process around `runService`. */
function start(...args: string[]) {
  const started = fork(join(folder, 'child.js'), args, {
    execArgv: [],
    silent: true,
    env: { ...process.env, PIZZAPI_LOG_LEVEL: 'info' },
  });
  child = started;
  const out = reader(started.stdout!);
  const err = reader(started.stderr!);
  // not 'close': it never comes once the channel was disconnected from this side
  const closed = Promise.all([
    once(started, 'exit'),
    once(started.stdout!, 'close'),
    once(started.stderr!, 'close'),
  ]).then(([[code]]) => code as number | null);
  return {
    process: started,
    said: (word: string) => Promise.race([out.has(word), closed.then(() => Promise.reject(new Error(err.text())))]),
    /** When it is over: its exit code and what it wrote. */
    end: async () => ({ code: await closed, out: out.text(), err: err.text() }),
  };
}

function reader(stream: Readable) {
  let text = '';
  const waiting = new Map<string, () => void>();
  stream.setEncoding('utf8').on('data', (more: string) => {
    text += more;
    for (const [word, found] of waiting) if (text.includes(word)) found();
  });
  return {
    text: () => text,
    has: (word: string) => new Promise<void>((found) => (text.includes(word) ? found() : waiting.set(word, found))),
  };
}

describe('a process of ours', { timeout: 60_000 }, () => {
  it.each(['SIGTERM', 'SIGINT'] as const)('drains, stops and exits 0 on %s', async (signal) => {
    const service = start('runs');
    await service.said('running');
    service.process.kill(signal);
    const { code, out } = await service.end();
    expect(out).toBe('running\ndraining\nstopping\n');
    expect(code).toBe(EXIT.ok);
  });

  it('exits at once on a second signal', async () => {
    const service = start('hangs');
    await service.said('running');
    service.process.kill('SIGTERM');
    await service.said('draining');
    service.process.kill('SIGINT');
    const { code, out } = await service.end();
    expect(code).toBe(130);
    expect(out).not.toContain('stopping');
  });

  it('gives up on a drain that hangs, and says which step it was', async () => {
    const service = start('hangs', '20');
    await service.said('running');
    service.process.kill('SIGTERM');
    const { code, err } = await service.end();
    expect(code).toBe(EXIT.hung);
    expect(err).toContain('"step":"drain"');
  });

  it('stops when its parent is gone', async () => {
    const service = start('runs');
    await service.said('running');
    service.process.disconnect();
    expect(await service.end()).toMatchObject({ code: EXIT.ok, out: 'running\ndraining\nstopping\n' });
  });

  it('stops when its parent went before it listened', async () => {
    const service = start('runs');
    service.process.disconnect();
    expect(await service.end()).toMatchObject({ code: EXIT.ok, out: 'running\ndraining\nstopping\n' });
  });

  it('stops and exits 0 when its service is over', async () => {
    expect(await start('ends').end()).toMatchObject({ code: EXIT.ok, out: 'running\ndraining\nstopping\n' });
  });

  it('exits 0 when a signal comes while it starts', async () => {
    const service = start('starts for ever');
    await service.said('starting');
    service.process.kill('SIGTERM');
    expect((await service.end()).code).toBe(EXIT.ok);
  });

  it('gives up on a start that does not hear the signal', async () => {
    const service = start('hangs while it starts', '100');
    await service.said('starting');
    service.process.kill('SIGTERM');
    expect((await service.end()).code).toBe(EXIT.hung);
  });

  it('says a known failure at its start in one sentence', async () => {
    const { code, err } = await start('refuses').end();
    expect(code).toBe(EXIT.failed);
    expect(err).toMatch(/^child: Nobody answers\. Check that nats-server runs/);
  });

  it.each([
    ['throws', 'internal'],
    ['throws later', 'stream_drift'],
  ])('logs one line with a code and exits 1 when it %s', async (how, expected) => {
    const { code, err } = await start(how).end();
    expect(code).toBe(EXIT.failed);
    const lines = err
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { level: string; code: string });
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatchObject({ level: 'error', code: expected });
  });
});
