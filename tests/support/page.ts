import type { Browser, BrowserContext, BrowserContextOptions, Locator, Page } from 'playwright-core';
import { shot } from './browser.js';
import { until } from './until.js';

export const DESKTOP = { width: 1440, height: 900 };
export const PHONE = { width: 390, height: 844 };

/** A page, and its complaints: its own errors, refused requests, violations of its content security policy. */
export interface WatchedPage {
  page: Page;
  context: BrowserContext;
  complaints: string[];
  /** Ignores complaints that match `expected` while `work` runs, such as those of a killed gateway. */
  tolerating<T>(expected: RegExp, work: () => Promise<T>): Promise<T>;
}

/** Requests that fail because no server listens. */
export const NO_SERVER = /net::ERR_|WebSocket connection to .* failed|Failed to load resource/;

/** How long an element may take to appear, in ms. The default of the library, 30 s, is too short on a busy machine. */
const APPEARS_MS = 60_000;

/**
 * Opens a page in a new browser context: without cookies and stored data, and without animations, which would keep a
 * processor busy on each open page.
 */
export async function openPage(browser: Browser, options: BrowserContextOptions = {}): Promise<WatchedPage> {
  const context = await browser.newContext({ viewport: DESKTOP, reducedMotion: 'reduce', ...options });
  context.setDefaultTimeout(APPEARS_MS);
  await context.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (event) => {
      console.error(`policy: ${event.violatedDirective} refused ${event.blockedURI || 'inline'}`);
    });
  });
  const page = await context.newPage();
  const complaints: string[] = [];
  let tolerated: RegExp | undefined;
  const complain = (text: string) => tolerated?.test(text) === true || complaints.push(text);
  page.on(
    'console',
    (message) => message.type() === 'error' && complain(`${message.text()} (${message.location().url})`),
  );
  page.on('pageerror', (error) => complain(error.stack ?? String(error)));
  return {
    page,
    context,
    complaints,
    tolerating: async (expected, work) => {
      tolerated = expected;
      try {
        return await work();
      } finally {
        tolerated = undefined;
      }
    },
  };
}

/** Opens a share link in a new browser context, and enters the guest's name when one is given. */
export async function openGuest(
  browser: Browser,
  link: string,
  name?: string,
  options: BrowserContextOptions = {},
): Promise<WatchedPage> {
  const guest = await openPage(browser, options);
  await guest.page.goto(link);
  if (name !== undefined) await guest.page.getByLabel('Your name').fill(name);
  await guest.page.getByRole('button', { name: name === undefined ? 'Skip' : 'Open the session' }).click();
  return guest;
}

/** Returns the parts of a session's page. */
export function sessionPage(page: Page) {
  const log = page.getByRole('log');
  return {
    log,
    /** The rows of the transcript that are visible or close to it. */
    rows: log.locator('[data-seq]'),
    input: page.getByRole('textbox', { name: 'Message' }),
    queue: page.getByRole('list', { name: 'Queue' }),
    stop: page.getByRole('button', { name: /^Stop/ }),
    /** The connection status in the header, which is shown unless the connection is live. */
    connection: page.locator('header').getByRole('status'),
    say: async (text: string) => {
      await page.getByRole('textbox', { name: 'Message' }).fill(text);
      await page.keyboard.press('Enter');
    },
    /** The open question with this title. */
    question: (title: string): Locator => page.getByRole('region', { name: `Waiting for you: ${title}` }).first(),
  };
}

/** Records every text that the last element of `selector` shows from now on. */
export async function recordGrowth(page: Page, selector: string): Promise<() => Promise<string[]>> {
  const name = `growth${Math.random().toString(36).slice(2)}`;
  await page.evaluate(
    ([key, css]) => {
      const recorded: string[] = [];
      Object.assign(window, { [key!]: recorded });
      const look = () => {
        const text = [...document.querySelectorAll<HTMLElement>(css!)].at(-1)?.innerText ?? '';
        if (text !== '' && text !== recorded.at(-1)) recorded.push(text);
      };
      new MutationObserver(look).observe(document.body, { childList: true, subtree: true, characterData: true });
    },
    [name, selector],
  );
  return () => page.evaluate((key) => (window as unknown as Record<string, string[]>)[key]!, name);
}

/**
 * Records every note that the page shows from now on, because most disappear after some seconds. The returned function
 * waits for a matching note, whether it is still shown or not.
 */
export async function recordNotes(page: Page): Promise<(what: RegExp) => Promise<string>> {
  const name = `notes${Math.random().toString(36).slice(2)}`;
  await page.evaluate((key) => {
    const recorded = new Set<string>();
    Object.assign(window, { [key]: recorded });
    const look = () => {
      for (const note of document.querySelectorAll<HTMLElement>('[role=status], [role=alert]'))
        recorded.add(note.innerText);
    };
    look();
    new MutationObserver(look).observe(document.body, { childList: true, subtree: true, characterData: true });
  }, name);
  const noted = () => page.evaluate((key) => [...(window as unknown as Record<string, Set<string>>)[key]!], name);
  return (what) => until(`a note ${what}`, async () => (await noted()).find((text) => what.test(text)));
}

/** Returns the rendered text of each row of the whole transcript, by its offset. */
export async function readTranscript(page: Page): Promise<Record<string, string>> {
  return page.evaluate(async () => {
    const frames = () => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
    const log = document.querySelector<HTMLElement>('[role=log]')!;
    const rows: Record<string, string> = {};
    // Scrolls by the wheel, as a person does, because that stops following the end.
    log.dispatchEvent(new WheelEvent('wheel', { deltaY: -100 }));
    log.scrollTop = 0;
    for (;;) {
      await frames();
      for (const row of log.querySelectorAll<HTMLElement>('[data-seq]')) {
        // The text of buttons is not part of the message. `innerText` omits hidden text.
        const buttons = row.querySelectorAll<HTMLElement>('.prose button');
        for (const button of buttons) button.style.visibility = 'hidden';
        const texts = [...row.querySelectorAll<HTMLElement>('.prose')].map((part) => part.innerText);
        for (const button of buttons) button.style.visibility = '';
        if (texts.length > 0) rows[row.dataset['seq']!] = texts.join('\n');
      }
      if (log.scrollTop + log.clientHeight >= log.scrollHeight - 2) return rows;
      log.scrollTop += log.clientHeight * 0.9;
    }
  });
}

/**
 * Returns all texts of the whole transcript, in order and unfolded: rendered messages and thoughts, and the output of
 * tools. The session must be idle.
 */
export async function readWhole(page: Page): Promise<{ kind: 'prose' | 'output'; text: string }[]> {
  return page.evaluate(async () => {
    const frames = () => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
    const log = document.querySelector<HTMLElement>('[role=log]')!;
    const folded = () => log.querySelectorAll<HTMLElement>('[data-seq] button[aria-expanded=false]');
    const textOf = (part: HTMLElement) => {
      // The text of buttons and the name of a language are not part of the message. `innerText` omits hidden text.
      const around = part.querySelectorAll<HTMLElement>('button, :has(~ button)');
      for (const one of around) one.style.visibility = 'hidden';
      const text = part.innerText;
      for (const one of around) one.style.visibility = '';
      return { kind: part.matches('pre') ? ('output' as const) : ('prose' as const), text };
    };
    const rows = new Map<number, ReturnType<typeof textOf>[]>();
    // From the start, because only rows that are visible or close to it are rendered.
    log.dispatchEvent(new WheelEvent('wheel', { deltaY: -100 }));
    log.scrollTop = 0;
    for (;;) {
      await frames();
      for (; folded().length > 0; await frames()) for (const button of folded()) button.click();
      for (const row of log.querySelectorAll<HTMLElement>('[data-seq]'))
        rows.set(
          Number(row.dataset['seq']),
          [...row.querySelectorAll<HTMLElement>('.prose, [aria-label=Output] pre')].map(textOf),
        );
      if (log.scrollTop + log.clientHeight >= log.scrollHeight - 2) break;
      log.scrollTop += log.clientHeight / 2;
    }
    return [...rows].sort(([a], [b]) => a - b).flatMap(([, parts]) => parts);
  });
}

/**
 * Returns the words of a Markdown text or of its rendering. Numbers are left out, because the numbers of lists are not
 * text when rendered.
 */
export function words(text: string): string[] {
  return text.match(/\p{L}+/gu) ?? [];
}

/** Takes screenshots of a page, in light and dark colours. */
export async function portrait(page: Page, name: string): Promise<void> {
  for (const colorScheme of ['dark', 'light'] as const) {
    await page.emulateMedia({ colorScheme });
    await page.screenshot({
      path: shot(`${name}-${page.viewportSize()?.width ?? 0}-${colorScheme}`),
      animations: 'disabled',
    });
  }
}
