import { claimSession, openWriter, readSessionRow, type Backbone, type SessionWriter } from '@pizzapi/backbone';
import type { EventOf } from '@pizzapi/protocol';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { CannotRun, type Bench, type BenchContext } from '../harness/bench.js';
import { startChromium } from '../harness/chromium.js';
import { eventually, paced } from '../harness/clock.js';
import { repository } from '../harness/repository.js';
import { runnerOf, startBenchStack, type BenchStack } from '../harness/localStack.js';
import { median, quantile } from '../harness/stats.js';
import { deltaMeter, settleMeter, type DeltaCost } from '../programs/inPage.js';

const MESSAGES = 10_000;
const SID = 'bench-transcript';
const DELTAS_PER_SECOND = 20;

const TEXTS = [
  'Could you look at `replay.ts` and tell me why the **last batch** is read twice?',
  'It asks for the next batch before it knows that `pending` is 0:\n\n```ts\nif (more) ahead = batchOf(stream, position + 1);\n```\n\n1. read\n2. look at `pending`\n3. only then read *ahead*.',
  'Please fix it, and keep the test short.',
  'Done. The second read is gone; see the table:\n\n| case | before | after |\n|---|---|---|\n| empty | 2 | 1 |\n| long | 41 | 40 |',
];

function message(i: number): EventOf<'message_end'> {
  const at = 1_700_000_000_000 + i * 1_000;
  const role = i % 2 === 0 ? 'user' : 'assistant';
  const content = [{ type: 'text' as const, text: `${TEXTS[i % TEXTS.length]!}\n\nMessage ${i + 1} of ${MESSAGES}.` }];
  return { type: 'message_end', at, messageId: `m${i}`, entryId: `e${i}`, message: { role, content, timestamp: at } };
}

async function write(b: Backbone, stage: BenchStack, spoolDir: string): Promise<SessionWriter> {
  const claim = await claimSession(b, { sid: SID, userId: 'owner', runnerId: await runnerOf(stage) });
  if (claim.kind === 'refused') throw new Error('the session belongs to another host');
  const { epoch } = claim;
  const writer = await openWriter(b, { sid: SID, epoch, spoolDir });
  const about = {
    cwd: stage.project,
    name: 'ten thousand messages',
    model: 'demo/demo',
    userId: 'owner',
    piVersion: '0',
  };
  const appends = [
    writer.append({ type: 'session_started', at: Date.now(), ...about, runnerId: await runnerOf(stage), epoch }),
  ];
  for (let i = 0; i < MESSAGES; i++) appends.push(writer.append(message(i)));
  for (const { kind } of await Promise.all(appends)) if (kind !== 'appended') throw new Error(`an event was ${kind}`);
  return writer;
}

/** Opens the session from the list, as a person does. */
async function open(page: Page): ReturnType<typeof settleMeter> {
  const link = `a[href="/s/${SID}"]`;
  await page.waitForSelector(link);
  return page.evaluate(settleMeter, { link, text: `Message ${MESSAGES} of ${MESSAGES}.`, calmMs: 400 });
}

async function run(context: BenchContext): Promise<void> {
  const { report, quick, defer } = context;
  if (!existsSync(repository('clients/dashboard/dist/index.html'))) throw new CannotRun('the dashboard is not built');
  const browser = await startChromium(context);
  const stage = await startBenchStack(context);
  const b = await stage.connect('admin');
  const spoolDir = mkdtempSync(join(tmpdir(), 'pizzapi-bench-spool-'));
  defer(() => rmSync(spoolDir, { recursive: true, force: true }));
  report.progress('transcript: writing 10,000 messages');
  const writer = await write(b, stage, spoolDir);
  defer(() => writer.close());
  const projected = async () => (await readSessionRow(b, SID))?.info.messages === MESSAGES;
  if (!(await eventually(projected, 60_000, 100))) throw new Error('the projector did not fold the session');

  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  await page.addInitScript(deltaMeter);
  await page.goto(stage.loginUrl);
  const opens = [];
  for (let i = 0; i < (quick ? 3 : 6); i++) {
    if (i > 0) await page.goto(new URL(stage.loginUrl).origin);
    opens.push(await open(page));
  }
  const settled = opens.map(({ settledMs }) => settledMs);
  report.run('transcript', `${MESSAGES} messages, opened from the list`, {
    'last message shown p50 ms': median(opens.map(({ shownMs }) => shownMs)),
    'settled p50 ms': median(settled),
    'settled max ms': Math.max(...settled),
    'no more changes p50 ms': median(opens.map(({ quietMs }) => quietMs)),
    'DOM nodes': opens.at(-1)!.nodes,
  });

  await writer.append({
    type: 'message_start',
    at: Date.now(),
    messageId: 'live',
    role: 'assistant',
    model: 'demo/demo',
  });
  await page.evaluate('window.benchDeltas = []');
  const text = 'A delta of **Markdown** with `code`, as it comes from a model, word by word. ';
  await paced(DELTAS_PER_SECOND, quick ? 5 : 15, (i) => {
    const end = i % 12 === 11 ? '\n\n' : '';
    writer.publishDelta({ type: 'text_delta', at: Date.now(), messageId: 'live', index: 0, text: text + end });
  });
  await page.waitForTimeout(500);
  const deltas = await page.evaluate<DeltaCost[]>('window.benchDeltas');
  if (deltas.length === 0) throw new Error('no delta arrived in the page');
  const laidOut = deltas.map((delta) => delta.laidOut);
  const painted = deltas.map((delta) => delta.painted);
  report.run('transcript', `deltas into a transcript of ${MESSAGES} messages, ${DELTAS_PER_SECOND} a second`, {
    deltas: deltas.length,
    'script and layout p50 ms': median(laidOut),
    'p95 ms': quantile(laidOut, 0.95),
    'and paint p50 ms': median(painted),
    'p95 ms with paint': quantile(painted, 0.95),
  });
  const reach = (figure: string, most: number, reached: number) =>
    report.reach({ bench: 'transcript', figure, unit: 'ms', target: { most }, reached });
  reach('10,000 messages opened and settled in Chromium, p50', 200, median(settled));
  reach('one delta: script and layout, p95', 4, quantile(laidOut, 0.95));
}

export const transcript: Bench = { name: 'transcript', title: 'a transcript of 10,000 messages in Chromium', run };
