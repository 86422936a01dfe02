import { api } from '../state/client.js';
import { reportResult } from '../state/reportResult.js';
import { AsyncResource } from '../state/asyncResource.svelte.js';

/** Everybody with an account, for the admin. */
export class UserList {
  readonly users = new AsyncResource(api.users);
  readonly options = new AsyncResource(api.authOptions);

  async setDisabled(userId: string, disabled: boolean): Promise<void> {
    const said = disabled ? 'Account disabled.' : 'Account enabled.';
    if (await reportResult(api.setUserDisabled(userId, disabled), said)) await this.users.load();
  }
}
