import { isMap, stringAt } from '@pizzapi/protocol';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { openGuest, sessionPage, type WatchedPage } from './page.js';
import type { RunningStack } from './localStack.js';
import { untilHosted } from './viewer.js';

/**
 * What a person does with a session, in a page that is signed in: writes to the agent, answers its questions, and shares a
 * link by which a guest reads and writes. `sid`: a session of the demo model. Returns the page of the guest.
 */
export async function walkThroughSession(
  stack: RunningStack,
  { browser, page, sid, options = {} }: { browser: Browser; page: Page; sid: string; options?: BrowserContextOptions },
): Promise<WatchedPage> {
  await page.goto(`${stack.pageUrl}/s/${sid}`);
  const view = sessionPage(page);
  await untilHosted(stack, sid);
  await view.say('Hello **world**');
  await view.log.getByText('another model: any provider').waitFor();
  await view.say('/demo ask');
  const card = view.question('The agent has 2 questions');
  await card.getByText('Gas', { exact: true }).click();
  await card.getByLabel('Answer to question 2').fill('Quattro');
  await card.getByRole('button', { name: 'Send answers' }).click();
  await view.rows.filter({ hasText: 'This is what I understood' }).getByText('Quattro').waitFor();

  const shared = await fetch(`${stack.url}/api/sessions/${sid}/shares`, {
    method: 'POST',
    headers: { authorization: `Bearer ${stack.token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ mode: 'collab' }),
  });
  const share: unknown = await shared.json();
  const link = isMap(share) ? stringAt(share, 'shortUrl') : undefined;
  if (link === undefined) throw new Error(`no link: ${JSON.stringify(share)}`);
  const guest = await openGuest(browser, link, 'Grace', options);
  const theirs = sessionPage(guest.page);
  await theirs.log.getByText('Quattro').first().waitFor();
  await theirs.say('A guest says hello');
  await view.rows.filter({ hasText: 'A guest says hello' }).first().waitFor();
  return guest;
}
