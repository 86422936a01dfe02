import { validatePassword, type AuthOptions } from '@pizzapi/protocol';
import { firstForm, type EntryForm } from '../model/entryForms.js';
import { app } from '../state/app.svelte.js';
import { api } from '../state/client.js';
import { pageToken } from '../state/pageToken.js';
import { FormSubmission } from '../state/formSubmission.svelte.js';

/** Signing in, or up: both forms hold the same address and password, so that going from one to the other loses nothing. */
export class SignInForm {
  form = $state<EntryForm>('link');
  email = $state('');
  password = $state('');
  name = $state('');
  /** Said above the form. */
  said = $state('');
  readonly submission = new FormSubmission();
  readonly ready = $derived(
    this.email.trim() !== '' &&
      (this.form === 'sign_up' ? validatePassword(this.password).valid : this.password !== ''),
  );

  constructor(options: AuthOptions) {
    this.form = firstForm(options);
  }

  show(form: EntryForm): void {
    this.form = form;
    this.said = '';
    this.submission.edited();
  }

  async submit(): Promise<void> {
    if (!this.ready) return;
    if (this.form === 'sign_up') await this.#signUp();
    else await this.#signIn();
  }

  async #signIn(): Promise<void> {
    const body = { email: this.email.trim(), password: this.password };
    const answer = await this.submission.send(() => api.login(body));
    if (answer !== undefined) {
      pageToken.keep(answer.value.pageToken);
      await app.enter();
    } else if (this.submission.error?.code === 'login_failed') this.password = '';
  }

  async #signUp(): Promise<void> {
    const name = this.name.trim();
    const body = { email: this.email.trim(), password: this.password, ...(name === '' ? {} : { name }) };
    const answer = await this.submission.send(() => api.signup(body));
    if (answer === undefined) return;
    // The first account is signed in by it. Any other answer is the same whether the address was taken or not.
    if (answer.status === 201) {
      pageToken.keep(answer.value?.pageToken);
      return app.enter();
    }
    this.form = 'sign_in';
    this.said = 'If this address was not taken, your account has been created. Sign in with it.';
  }
}
