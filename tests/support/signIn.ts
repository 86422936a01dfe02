import { loginUrl, mintLinkToken, readGatewaySecret } from '@pizzapi/process';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import type { RunningStack } from './localStack.js';
import { openPage, type WatchedPage } from './page.js';

type SignInStack = Pick<RunningStack, 'home' | 'pageUrl'>;

/**
 * Signs a page in as the owner by a link of its own, as a link signs in once only. The page then shows the start page
 * and has its cookie: a navigation before that would end the sign-in.
 */
async function signIn(stack: SignInStack, page: Page): Promise<void> {
  const secret = readGatewaySecret(stack.home);
  if (secret === undefined) throw new Error('the gateways have no secret');
  await page.goto(loginUrl(stack.pageUrl, mintLinkToken(secret, Date.now())));
  await page.waitForURL((url) => url.pathname === '/' && url.hash === '');
}

/** Opens a page in a new browser context that is signed in as the owner, at a path. */
export async function openSignedIn(
  stack: SignInStack,
  browser: Browser,
  path: string,
  options: BrowserContextOptions = {},
): Promise<WatchedPage> {
  const watched = await openPage(browser, options);
  await signIn(stack, watched.page);
  if (path !== '/') await watched.page.goto(stack.pageUrl + path);
  return watched;
}
