import type { KeyKind, NewKeyReply } from '@pizzapi/protocol';
import { allowOf, type RightPreset } from '../hosts/rightPresets.js';
import { api } from '../state/client.js';
import { draftField } from '../state/drafts.svelte.js';
import { reportResult } from '../state/reportResult.js';
import { AsyncResource } from '../state/asyncResource.svelte.js';
import { FormSubmission } from '../state/formSubmission.svelte.js';

/** How long a key may live; an empty value for ever. */
export const KEY_EXPIRIES = [
  { value: '30d', label: '30 days' },
  { value: '90d', label: '90 days' },
  { value: '365d', label: 'One year' },
  { value: '', label: 'Never' },
] as const;

/** The keys of this account, and the one that is being made. */
export class Keys {
  readonly list = new AsyncResource(api.keys);
  /** The dialog, while it is open. */
  draft = $state.raw<KeyDraft>();

  async revoke(keyId: string): Promise<void> {
    if (await reportResult(api.revokeKey(keyId), 'Key revoked.')) await this.list.load();
  }

  open(): void {
    this.draft = new KeyDraft();
  }

  close(): void {
    if (this.draft?.made !== undefined) void this.list.load();
    this.draft = undefined;
  }
}

/** A key that is being made; its token is here until the dialog is closed, and nowhere after that. */
export class KeyDraft {
  readonly #name = draftField('key.name');
  kind = $state<KeyKind>('user');
  /** Of a runner token. */
  rights = $state<RightPreset>('everything');
  expiresIn = $state<(typeof KEY_EXPIRIES)[number]['value']>('90d');
  made = $state.raw<NewKeyReply>();
  readonly submission = new FormSubmission();

  get name(): string {
    return this.#name.text;
  }

  set name(name: string) {
    this.#name.text = name;
  }

  async submit(): Promise<void> {
    const body = {
      name: this.name.trim(),
      kind: this.kind,
      ...(this.kind === 'runner' ? allowOf(this.rights) : {}),
      ...(this.expiresIn === '' ? {} : { expiresIn: this.expiresIn }),
    };
    this.made = (await this.submission.send(() => api.createKey(body)))?.value;
    if (this.made !== undefined) this.name = '';
  }
}
