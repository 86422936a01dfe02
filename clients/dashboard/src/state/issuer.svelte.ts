import type { ErrorInfo, IssuerFinishReply } from '@pizzapi/protocol';
import { CALLBACK_PATH } from '../model/route.js';
import { api } from './client.js';
import { FormSubmission } from './formSubmission.svelte.js';
import { currentPath } from './pagePath.js';
import { storage } from './storage.js';

/** Where the page keeps its secret while the browser is at the issuer. */
const KEY = 'oidc';

/** Sends the browser to the issuer. */
export class IssuerEntry {
  readonly submission = new FormSubmission();

  /** `invitation`: the token of an invitation that makes the account. */
  async go(invitation?: string): Promise<void> {
    const returnTo = invitation === undefined ? currentPath() + location.search + location.hash : '/';
    const body = { returnTo, ...(invitation === undefined ? {} : { invitation }) };
    const answer = await this.submission.send(() => api.startIssuer(body));
    if (answer === undefined) return;
    storage.set(KEY, answer.value.binding);
    // The page stays busy until the browser has left it.
    this.submission.busy = true;
    location.assign(answer.value.url);
  }
}

/** Signs in when the issuer has sent the browser back. Undefined when it has not. */
export async function finishIssuerSignIn(): Promise<IssuerFinishReply | { error: ErrorInfo } | undefined> {
  if (currentPath() !== CALLBACK_PATH) return undefined;
  const binding = storage.get(KEY) ?? '';
  storage.set(KEY, '');
  const answer = await api.finishIssuer({ query: location.search, binding });
  return answer.kind === 'ok' ? answer.value : { error: answer.error };
}
