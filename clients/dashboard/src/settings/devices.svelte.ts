import { api } from '../state/client.js';
import { reportResult } from '../state/reportResult.js';
import { AsyncResource } from '../state/asyncResource.svelte.js';
import { toasts } from '../state/toasts.svelte.js';

/** The browsers that are signed in to this account. */
export class Devices {
  readonly logins = new AsyncResource(api.logins);
  readonly others = $derived((this.logins.value?.logins ?? []).filter(({ current }) => !current));

  async end(loginId: string): Promise<void> {
    if (await reportResult(api.endLogin(loginId), 'That browser is signed out.')) await this.logins.load();
  }

  async endOthers(): Promise<void> {
    const ended = await Promise.all(this.others.map(({ id }) => api.endLogin(id)));
    // One that is over by itself meanwhile is what was asked for.
    const failed = ended.find((answer) => answer.kind === 'failed' && answer.error.code !== 'login_not_found');
    if (failed?.kind === 'failed') toasts.error(failed.error);
    else toasts.info('All other browsers are signed out.');
    await this.logins.load();
  }
}
