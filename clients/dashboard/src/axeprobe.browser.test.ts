import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, it } from 'vitest';
import { PHONE, startScriptedPage, type ScriptedPage } from './testing/scriptedPage.js';
import { VIEWS } from './testing/views.js';
import axe from 'axe-core';
let scripted: ScriptedPage;
beforeAll(async () => { scripted = await startScriptedPage(); });
afterAll(() => scripted?.stop());
it('probe', async () => {
  const out: string[] = [];
  for (const viewport of [{ width: 1440, height: 900 }, PHONE]) {
    const page = await scripted.open('/', '', viewport);
    page.setDefaultTimeout(8000);
    await page.emulateMedia({ reducedMotion: 'reduce', colorScheme: 'light' });
    for (const view of VIEWS) {
      if (process.env['ONLY'] && !new RegExp(process.env['ONLY']).test(view.name)) continue;
      const t = performance.now();
      try {
        await page.goto(`${scripted.url}/?at=${encodeURIComponent(view.at)}&${view.query ?? ''}`);
        await view.enter(page);
      } catch (error) { out.push(`## ${viewport.width} ${view.name}: NOT ENTERED ${String(error).slice(0, 300)}`); continue; }
      const t1 = performance.now();
      await page.evaluate(axe.source);
      for (const scheme of ['light', 'dark'] as const) {
        await page.emulateMedia({ colorScheme: scheme });
        const result = await page.evaluate((s) => (globalThis as any).axe.run(document, { resultTypes: ['violations'], ...(s === 'dark' ? { runOnly: ['color-contrast'] } : {}) }), scheme);
        for (const v of result.violations) for (const n of v.nodes) out.push(`## ${viewport.width} ${scheme} ${view.name}: ${v.id} ${n.target.join(' ').slice(0,150)}\n   ${n.html.slice(0, 220)}\n   ${(n.failureSummary ?? '').replace(/\n/g, ' ').slice(0, 260)}`);
      }
      await page.emulateMedia({ colorScheme: 'light' });
      out.push(`-- ${viewport.width} ${view.name} enter ${Math.round(t1 - t)} axe ${Math.round(performance.now() - t1)}`);
    }
    await page.close();
  }
  writeFileSync('/tmp/axe.txt', out.join('\n'));
}, 600_000);
