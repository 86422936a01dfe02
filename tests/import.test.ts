import { streamHead } from '@pizzapi/backbone';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findChromium, openBrowser } from './support/browser.js';
import { runCli } from './support/cli.js';
import { shareLocalStack, type SharedStack } from './support/localStack.js';
import { connectTo, readLog } from './support/log.js';
import { portrait, sessionPage } from './support/page.js';
import { openSignedIn } from './support/signIn.js';
import { until } from './support/until.js';
import { apiOf } from './support/viewer.js';
import { PI_VERSION, readPiSessionFile } from '../clients/runner/src/pi/index.js';

/** A recorded session of 1,019 entries. */
const RECORDED = fileURLToPath(new URL('fixtures/pi-session-large.jsonl', import.meta.url));

/** What pi 1.6 wrote. */
const NEWER = fileURLToPath(new URL('fixtures/pi-1.6-home/session.jsonl', import.meta.url));

const chromium = findChromium();
if (chromium === undefined)
  console.warn('SKIPPED: an imported session in a browser. There is no Chromium; set PIZZAPI_CHROMIUM.');

let stage: SharedStack;
beforeAll(async () => {
  stage = await shareLocalStack();
}, 120_000);
afterAll(() => stage.release());

async function listed() {
  const reply = await apiOf(stage).sessions();
  if (reply.kind === 'failed') throw new Error(reply.error.message);
  return reply.value.sessions;
}

describe('an imported session', () => {
  let sid: string;

  it('an imported session is listed as ended, and its log equals the file at every reading', async () => {
    const run = await runCli(stage, 'import', RECORDED, '--json');
    expect(run).toMatchObject({ code: 0 });
    const imported = JSON.parse(run.stdout) as { sessionId: string; events: number; messages: number; url: string };
    sid = imported.sessionId;
    expect(imported.url).toBe(`${stage.pageUrl}/s/${sid}`);
    await until('it is in the list', async () =>
      (await listed()).some((session) => session.sessionId === sid && session.state === 'ended'),
    );

    const log = await readLog(stage, sid);
    const { epoch } = log[0]!;
    const expected = readPiSessionFile(RECORDED, { userId: 'owner', runnerId: 'import', piVersion: PI_VERSION, epoch });
    if (expected.kind !== 'ok') throw new Error(expected.message);
    expect(log.map(({ event }) => event)).toEqual(JSON.parse(JSON.stringify(expected.events)));
    expect(log).toHaveLength(imported.events);
    expect(await readLog(stage, sid)).toEqual(log);
    const replies = await Promise.all([1, 2].map(() => apiOf(stage).events(sid, { limit: 10_000 })));
    for (const reply of replies) {
      expect(reply).toMatchObject({ kind: 'ok', value: log.map(({ seq, event }) => ({ seq, event })) });
    }
  });

  it('an import of a file of pi 1.6 leaves out its prompt and what was redacted, and says last what it does not know', async () => {
    const file = join(stage.project, 'newer.jsonl');
    const unknown = JSON.stringify({ type: 'tool_loadout', id: 'ffffffff', parentId: 'd8e1d5b6' });
    writeFileSync(file, `${readFileSync(NEWER, 'utf8')}${unknown}\n`);
    const run = await runCli(stage, 'import', file);
    expect(run.code).toBe(0);
    expect(run.stderr.trim().split('\n').at(-1)).toBe(
      'Left out, as it is from a newer pi: an entry of the unknown kind "tool_loadout"',
    );
    const log = JSON.stringify(await readLog(stage, run.stdout.split(' ')[0]!));
    expect(log).toContain('[redacted]');
    expect(log).not.toMatch(/hunter2|Bluebird|toolsAdded/);
  });

  it('an imported session is listed by the command line, and printed by tail to its end', async () => {
    const list = await runCli(stage, 'sessions', '--json');
    expect(list.stdout).toContain(sid);
    const tail = await runCli(stage, 'tail', sid, '--json');
    expect(tail).toMatchObject({ code: 0, stderr: '' });
    const log = await readLog(stage, sid);
    expect(
      tail.stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown),
    ).toEqual(log.map(({ seq, event }) => ({ seq, event })));
  });

  it.skipIf(chromium === undefined)(
    'an imported session opens at its end, and scrolling up loads page after page, to the first message',
    async () => {
      const browser = await openBrowser();
      try {
        const watched = await openSignedIn(stage, browser, '/');
        const { page } = watched;
        const log = await readLog(stage, sid);
        const seqs = log.flatMap(({ seq, event }) => (event.type === 'message_end' ? [seq] : []));
        const requests: string[] = [];
        page.on('request', (request) => requests.push(request.url()));
        await page.goto(`${stage.pageUrl}/s/${sid}`);
        const { log: transcript, rows } = sessionPage(page);
        const ended = `[data-seq="${log.at(-1)!.seq}"]`;
        await page.locator(ended).waitFor();
        const toEnd = () => transcript.evaluate((node) => node.scrollHeight - node.scrollTop - node.clientHeight);
        await until('it shows its end', async () => (await toEnd()) < 2);
        expect(requests.some((url) => url.includes('before='))).toBe(false);
        expect(await rows.count()).toBeLessThan(100);
        await portrait(page, 'import-end');
        await transcript.hover();
        const first = page.locator('[data-seq]').getByText('/mode', { exact: true });
        for (let turns = 0; turns < 2_000 && !(await first.isVisible()); turns++) await page.mouse.wheel(0, -4_000);
        await first.waitFor();
        expect(requests.filter((url) => url.includes('before=')).length).toBeGreaterThan(0);
        expect(
          Number(await page.locator('[data-seq]').filter({ hasText: '/mode' }).first().getAttribute('data-seq')),
        ).toBe(seqs[0]);
        await portrait(page, 'import-start');
        expect(watched.complaints).toEqual([]);
      } finally {
        await browser.close();
      }
    },
  );
});

describe('a file that is not a complete pi session', () => {
  const recorded = readFileSync(RECORDED, 'utf8');
  const cases: [what: string, code: string, content: string | undefined][] = [
    ['truncated in the middle of a line', 'file_truncated', recorded.slice(0, 500_000)],
    ['of another program', 'file_invalid', '{"name":"x","version":"1.0.0"}\n'],
    ['damaged in the middle', 'file_damaged', recorded.replace('\n{"type":"message"', '\n{"type":"mess\nage"')],
    ['not text at all', 'file_invalid', '\u0000\u0001\u0002'.repeat(1_000)],
    ['empty', 'file_invalid', ''],
    ['missing', 'file_not_found', undefined],
  ];

  it.each(cases)(
    'an import of a file that is %s is refused with %s, and leaves no data behind',
    async (what, code, content) => {
      const file = join(stage.project, `${what.replaceAll(' ', '-')}.jsonl`);
      if (content !== undefined) writeFileSync(file, content);
      const backbone = await connectTo(stage);
      try {
        const before = [await streamHead(backbone, 'SESSIONS'), (await listed()).map(({ sessionId }) => sessionId)];
        const run = await runCli(stage, 'import', file);
        expect(run).toMatchObject({ code: 1, stdout: '' });
        expect(run.stderr).toMatch(new RegExp(`^${code}: [^\\n]+\\n$`));
        expect([await streamHead(backbone, 'SESSIONS'), (await listed()).map(({ sessionId }) => sessionId)]).toEqual(
          before,
        );
      } finally {
        await backbone.close();
      }
    },
  );
});

describe('what an operator keeps of a running installation', () => {
  const importOne = async (): Promise<string> => {
    const run = await runCli(stage, 'import', NEWER, '--json');
    expect(run).toMatchObject({ code: 0 });
    const { sessionId } = JSON.parse(run.stdout) as { sessionId: string };
    await until('it is in the list', async () =>
      (await listed()).some((session) => session.sessionId === sessionId && session.state === 'ended'),
    );
    return sessionId;
  };
  const jsonOf = async (...args: string[]): Promise<Record<string, unknown>> => {
    const run = await runCli(stage, ...args, '--json');
    expect(run).toMatchObject({ code: 0 });
    return JSON.parse(run.stdout) as Record<string, unknown>;
  };

  it('is a backup that a new home is restored from, an archive that opens again, and nothing of what was purged', async () => {
    const folder = join(stage.project, 'kept');
    const sid = await importOne();
    const content = (await readLog(stage, sid)).map(({ event }) => event);
    const backup = await jsonOf('backup', join(folder, 'backup'), '--verify');
    expect(backup).toMatchObject({ verified: { gone: 0 } });

    // A new home, which no local run has made. Nothing runs there afterwards.
    const restored = { home: join(folder, 'home') };
    const run = await runCli(restored, 'restore', join(folder, 'backup'), '--partitions', '2', '--verify', '--json');
    expect(run.stderr.split('\n').filter((text) => !text.startsWith('pizzapi: '))).toEqual(['']);
    const { equal } = (backup as { verified: { equal: number } }).verified;
    expect(JSON.parse(run.stdout)).toMatchObject({ partitions: 2, verified: { equal, gone: 0 } });

    const archive = join(folder, 'archive');
    const archived = await jsonOf('archive', sid, '--to', archive);
    expect(archived).toMatchObject({ erased: true, archived: [{ sid, events: content.length }] });
    await until('the session is erased', async () => !(await listed()).some(({ sessionId }) => sessionId === sid));
    const opened = await jsonOf('open', join(archive, `${sid}.pizzapi`));
    const { sessionId } = opened as { sessionId: string };
    const again = (await readLog(stage, sessionId)).map(({ event }) => event);
    expect(again.slice(1)).toEqual(content.slice(1));

    const refused = await runCli(stage, 'purge', sessionId);
    expect(refused).toMatchObject({ code: 2 });
    expect(await jsonOf('purge', sessionId, '--yes')).toMatchObject({ removed: { events: content.length, rows: 1 } });
    expect((await apiOf(stage).session(sessionId)).kind).toBe('failed');
    const rows = await runCli(stage, 'audit', '--kind', 'erased');
    expect(rows.stdout).toContain('erased a session');
    expect(rows.stdout).not.toContain(sessionId);
  });
});
