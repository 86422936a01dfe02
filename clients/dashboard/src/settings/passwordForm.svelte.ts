import { validatePassword, type PasswordBody } from '@pizzapi/protocol';
import { api } from '../state/client.js';
import { app } from '../state/app.svelte.js';
import { FormSubmission } from '../state/formSubmission.svelte.js';
import { toasts } from '../state/toasts.svelte.js';

/** Changing a password, or setting the first one; with an address for who has none yet. */
export class PasswordForm {
  current = $state('');
  next = $state('');
  email = $state('');
  readonly submission = new FormSubmission();
  readonly hasPassword = $derived(app.me?.hasPassword ?? false);
  readonly needsEmail = $derived(app.me?.email === undefined);
  readonly ready = $derived(
    validatePassword(this.next).valid &&
      (!this.hasPassword || this.current !== '') &&
      (!this.needsEmail || this.email.trim() !== ''),
  );

  async submit(): Promise<void> {
    if (!this.ready) return;
    const { hasPassword } = this;
    const answer = await this.submission.send(() => api.changePassword(this.#body()));
    if (answer === undefined) return;
    this.current = this.next = this.email = '';
    await app.refreshMe();
    toasts.info(hasPassword ? 'Password changed.' : 'Password set. You can sign in with it from any browser now.');
  }

  #body(): PasswordBody {
    return {
      next: this.next,
      ...(this.hasPassword ? { current: this.current } : {}),
      ...(this.needsEmail ? { email: this.email.trim() } : {}),
    };
  }
}
