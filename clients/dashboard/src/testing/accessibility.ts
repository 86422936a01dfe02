import axe from 'axe-core';
import type { Page } from 'playwright-core';

/** What is wrong with a page, as axe-core finds it: the rule, and the elements that break it. */
export async function violationsOf(page: Page, rules?: readonly string[]): Promise<string[]> {
  if (!(await page.evaluate(() => 'axe' in globalThis))) await page.evaluate(axe.source);
  // What fades in has its colour at the end.
  await page.evaluate(() => Promise.all(document.getAnimations().map((animation) => finish(animation))));
  const options = rules === undefined ? {} : { runOnly: [...rules] };
  const { violations } = await page.evaluate(
    (given) =>
      (globalThis as unknown as { axe: typeof axe }).axe.run(document, { ...given, resultTypes: ['violations'] }),
    options,
  );
  return violations.flatMap(({ id, nodes }) =>
    nodes.map(
      ({ target, failureSummary, html }) =>
        `${id}: ${target.join(' ')}\n${html.slice(0, 300)}\n${failureSummary ?? ''}`,
    ),
  );

  function finish(animation: Animation): void {
    animation.finish();
  }
}
