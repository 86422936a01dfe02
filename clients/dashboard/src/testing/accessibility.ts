import axe, { type RunOptions } from 'axe-core';
import type { Page } from 'playwright-core';

/** The rules that depend on colours. They take most of the time. */
const COLOUR_RULES = ['color-contrast', 'link-in-text-block'];

/** Returns what axe-core finds wrong with a page: the rule, and the elements that break it. */
export const violationsOf = (page: Page): Promise<string[]> => run(page, {});

/** Returns what axe-core finds wrong with the colours of a page. */
export const colourViolationsOf = (page: Page): Promise<string[]> =>
  run(page, { runOnly: { type: 'rule', values: COLOUR_RULES } });

/** Returns what axe-core finds wrong with a page, apart from its colours. */
export const structureViolationsOf = (page: Page): Promise<string[]> =>
  run(page, { rules: Object.fromEntries(COLOUR_RULES.map((rule) => [rule, { enabled: false }])) });

async function run(page: Page, options: RunOptions): Promise<string[]> {
  // The colours of another scheme come with transitions, which begin with the next frame.
  await page.evaluate(async () => {
    await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
    await Promise.allSettled(document.getAnimations().map(({ finished }) => finished));
  });
  if (!(await page.evaluate(() => 'axe' in globalThis))) await page.evaluate(axe.source);
  const { violations } = await page.evaluate(
    (more) =>
      (globalThis as unknown as { axe: typeof axe }).axe.run(document, { resultTypes: ['violations'], ...more }),
    options,
  );
  return violations.flatMap(({ id, nodes }) =>
    nodes.map(({ target, html, failureSummary }) =>
      [`${id}: ${target.join(' ')}`, html.slice(0, 200), failureSummary ?? ''].join('\n'),
    ),
  );
}

/** Returns the groups of choices and the lists that are more than one stop of the Tab key. */
export function doubleStops(page: Page): Promise<string[]> {
  return page.evaluate(() =>
    [...document.querySelectorAll<HTMLElement>('[role=radiogroup], [data-roving]')]
      .filter((group) => group.getClientRects().length > 0 && group.querySelector('button, a, [tabindex]') !== null)
      .filter((group) => {
        const stops = [...group.querySelectorAll<HTMLElement>('a[href], button:enabled, [tabindex]')];
        const own = stops.filter(
          (node) => node.closest('[role=radiogroup], [data-roving]') === group && !node.matches('pre, [role=group]'),
        );
        return own.length > 0 && own.filter((node) => node.tabIndex >= 0).length !== 1;
      })
      .map((group) => group.outerHTML.slice(0, 200)),
  );
}

/** Narrow as a window of 1280 pixels at 400 %. */
const NARROW = { width: 320, height: 640 };
/** How often a page is looked at that still moves what it shows to its new place. */
const LOOKS = 40;

/** Returns the controls that a narrow window cuts off, and that nothing scrolls into sight. */
export async function cutOffControls(page: Page): Promise<string[]> {
  const before = page.viewportSize()!;
  await page.setViewportSize(NARROW);
  let found = await cutOff(page);
  for (let looks = 0; found.length > 0 && looks < LOOKS; looks++) found = await cutOff(page);
  await page.setViewportSize(before);
  return found;
}

function cutOff(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const scrolls = (node: Element | null): boolean =>
      node !== null &&
      (node.scrollWidth > node.clientWidth + 1 && /auto|scroll/.test(getComputedStyle(node).overflowX)
        ? true
        : scrolls(node.parentElement));
    return [...document.querySelectorAll<HTMLElement>('a[href], button, input, textarea, [role=menuitem]')]
      .filter((node) => {
        const { left, right, width } = node.getBoundingClientRect();
        // What is for screen readers alone is one pixel wide.
        return width > 1 && (left < -1 || right > innerWidth + 1) && !scrolls(node.parentElement);
      })
      .map((node) => node.outerHTML.slice(0, 200));
  });
}

/** Returns the name of what has the focus: the page itself, a label, or a text. */
export const focused = (page: Page): Promise<string> =>
  page.evaluate(() => {
    const node = document.activeElement as HTMLElement;
    return node.id === 'page' ? 'page' : (node.ariaLabel ?? (node.innerText.trim().split('\n')[0] || node.tagName));
  });
