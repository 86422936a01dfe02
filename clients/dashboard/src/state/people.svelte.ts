import { api } from './client.js';
import { done } from './done.js';
import { Fetched } from './fetched.svelte.js';

/** Everybody with an account, for the admin. */
export class People {
  readonly users = new Fetched(api.users);
  readonly options = new Fetched(api.authOptions);

  async setDisabled(userId: string, disabled: boolean): Promise<void> {
    const said = disabled ? 'Account disabled.' : 'Account enabled.';
    if (await done(api.setUserDisabled(userId, disabled), said)) await this.users.load();
  }
}
