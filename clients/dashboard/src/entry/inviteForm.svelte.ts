import { validatePassword, type AuthOptions, type ErrorInfo, type InvitationReply } from '@pizzapi/protocol';
import { app } from '../state/app.svelte.js';
import { api } from '../state/client.js';
import { FormSubmission } from '../state/formSubmission.svelte.js';
import { pageToken } from '../state/pageToken.js';
import { router } from '../state/router.svelte.js';

/** Creating an account with an invitation. */
export class InviteForm {
  readonly #token: string;
  name = $state('');
  email = $state('');
  password = $state('');
  /** What the invitation is, once the gateway has told it. */
  invitation = $state.raw<InvitationReply>();
  /** The ways in that the gateway has. */
  options = $state.raw<AuthOptions>();
  /** Why the invitation cannot be used. */
  problem = $state.raw<ErrorInfo>();
  readonly submission = new FormSubmission();
  readonly ready = $derived(
    this.name.trim() !== '' && this.email.trim() !== '' && validatePassword(this.password).valid,
  );

  constructor(token: string) {
    this.#token = token;
  }

  readonly look = async (): Promise<void> => {
    const [answer, options] = await Promise.all([api.invitation(this.#token), api.authOptions()]);
    if (options.kind === 'ok') this.options = options.value;
    if (answer.kind === 'ok') this.invitation = answer.value;
    else this.problem = answer.error;
  };

  async submit(): Promise<void> {
    if (!this.ready) return;
    const body = { email: this.email.trim(), password: this.password, name: this.name.trim() };
    const answer = await this.submission.send(() => api.signup({ ...body, invitation: this.#token }));
    if (answer === undefined) return;
    pageToken.keep(answer.value?.pageToken);
    // The token is used up. It does not stay in the address.
    router.go('/', { replace: true });
    await app.enter();
  }
}
