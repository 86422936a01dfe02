import { drafts } from '../state/drafts.svelte.js';
import { notifications } from '../state/notifications.svelte.js';
import { FormSubmission } from '../state/formSubmission.svelte.js';
import { toasts } from '../state/toasts.svelte.js';

const URL_DRAFT = 'webhook.url';

/** The address that is posted to, while it is edited. The token that is kept is never told: an empty field leaves it. */
export class WebhookForm {
  token = $state('');
  readonly submission = new FormSubmission();
  readonly kept = $derived(notifications.kept?.prefs.webhook ?? undefined);
  readonly ready = $derived(this.url.trim() !== '' && (this.url.trim() !== this.kept?.url || this.token !== ''));

  get url(): string {
    return drafts.get(URL_DRAFT) ?? this.kept?.url ?? '';
  }

  set url(url: string) {
    drafts.set(URL_DRAFT, url);
  }

  async save(): Promise<void> {
    const token = this.token.trim();
    const url = this.url.trim();
    const saved = await this.submission.send(() => notifications.setWebhook(url, token === '' ? undefined : token));
    if (saved === undefined) return;
    this.token = '';
    drafts.drop(URL_DRAFT);
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
    drafts.drop(URL_DRAFT);
    this.token = '';
    toasts.info('Webhook removed.');
  }
}
