import { notifications } from '../state/notifications.svelte.js';
import { FormSubmission } from '../state/formSubmission.svelte.js';
import { toasts } from '../state/toasts.svelte.js';

/** The address that is posted to, while it is edited. The token that is kept is never told: an empty field leaves it. */
export class WebhookForm {
  url = $state('');
  token = $state('');
  readonly submission = new FormSubmission();
  readonly kept = $derived(notifications.kept?.prefs.webhook ?? undefined);
  readonly ready = $derived(this.url.trim() !== '' && (this.url.trim() !== this.kept?.url || this.token !== ''));

  constructor() {
    this.url = notifications.kept?.prefs.webhook?.url ?? '';
  }

  async save(): Promise<void> {
    const token = this.token.trim();
    const url = this.url.trim();
    const saved = await this.submission.send(() => notifications.setWebhook(url, token === '' ? undefined : token));
    if (saved === undefined) return;
    this.token = '';
    toasts.info('Webhook saved. Send a test to check it.');
  }

  async forgetToken(): Promise<void> {
    const { kept } = this;
    if (kept === undefined) return;
    const saved = await this.submission.send(() => notifications.setWebhook(kept.url, null));
    if (saved !== undefined) toasts.info('Token removed.');
  }

  async remove(): Promise<void> {
    const saved = await this.submission.send(() => notifications.setWebhook(''));
    if (saved === undefined) return;
    this.url = '';
    this.token = '';
    toasts.info('Webhook removed.');
  }
}
