import { sessionRowKey, sessionRows } from '@pizzapi/backbone';
import { existsSync } from 'node:fs';
import type { Page } from 'playwright-core';
import { CannotRun, type Bench, type BenchContext } from '../harness/bench.js';
import { startChromium } from '../harness/chromium.js';
import { startBenchStack } from '../harness/localStack.js';
import { repository } from '../harness/repository.js';
import { scaleRow, scaleSid } from '../harness/scaleStore.js';
import { median } from '../harness/stats.js';

const OWNER = 'owner';
const FEW = 50;
const MANY = 50_000;

/** Loads the page. Returns when the first session is in the list, in ms since the load began, and the number of elements. */
async function load(page: Page, origin: string): Promise<{ ms: number; elements: number }> {
  await page.goto(origin);
  await page.waitForSelector('nav a[href^="/s/"]');
  return page.evaluate(() => ({ ms: performance.now(), elements: document.querySelectorAll('*').length }));
}

async function run(context: BenchContext): Promise<void> {
  const { report, quick } = context;
  if (!existsSync(repository('clients/dashboard/dist/index.html'))) throw new CannotRun('the dashboard is not built');
  const browser = await startChromium(context);
  const stage = await startBenchStack(context);
  const b = await stage.connect('admin');
  const rows = sessionRows(b);
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  await page.goto(stage.loginUrl);
  await page.getByRole('navigation').first().waitFor();
  const { origin } = new URL(stage.loginUrl);

  const measure = async (from: number, count: number): Promise<number> => {
    report.progress(`sidebar: writing ${count - from} sessions`);
    for (let i = from; i < count; i += 512)
      await Promise.all(
        Array.from({ length: Math.min(512, count - i) }, (_, at) =>
          rows.put(sessionRowKey(OWNER, scaleSid(OWNER, i + at)), scaleRow(OWNER, i + at)),
        ),
      );
    // The first loads compile the code of the page.
    for (let i = 0; i < 3; i++) await load(page, origin);
    const loads = [];
    for (let i = 0; i < (quick ? 5 : 15); i++) loads.push(await load(page, origin));
    const ms = median(loads.map((one) => one.ms));
    report.run('sidebar', `a person with ${count.toLocaleString('en')} sessions loads the page`, {
      'first session shown p50 ms': ms,
      'DOM nodes': loads.at(-1)!.elements,
    });
    return ms;
  };
  const few = await measure(0, FEW);
  const many = await measure(FEW, quick ? MANY / 10 : MANY);
  report.reach({
    bench: 'sidebar',
    figure: `page of a person with ${MANY.toLocaleString('en')} sessions in Chromium`,
    unit: `× with ${FEW}`,
    target: { most: 1.5 },
    reached: many / few,
  });
}

export const sidebar: Bench = { name: 'sidebar', title: 'the page of a person with 50,000 sessions in Chromium', run };
