import type { NewInvitationReply } from '@pizzapi/protocol';
import { api } from '../state/client.js';
import { AsyncResource } from '../state/asyncResource.svelte.js';
import { FormSubmission } from '../state/formSubmission.svelte.js';
import { reportResult } from '../state/reportResult.js';

export const INVITATION_EXPIRIES = [
  { value: '1d', label: '1 day' },
  { value: '7d', label: '7 days' },
  { value: '30d', label: '30 days' },
] as const;

/** The invitations to create an account, and the one that is being made. */
export class InvitationSettings {
  readonly list = new AsyncResource(api.invitations);
  /** The dialog, while it is open. */
  draft = $state.raw<InvitationDraft>();

  open(): void {
    this.draft = new InvitationDraft();
  }

  close(): void {
    if (this.draft?.made !== undefined) void this.list.load();
    this.draft = undefined;
  }

  async revoke(invitationId: string): Promise<void> {
    if (await reportResult(api.revokeInvitation(invitationId), 'Invitation revoked.')) await this.list.load();
  }
}

/** An invitation that is being made; its address is here until the dialog is closed, and nowhere after that. */
export class InvitationDraft {
  note = $state('');
  expiresIn = $state<(typeof INVITATION_EXPIRIES)[number]['value']>('7d');
  made = $state.raw<NewInvitationReply>();
  readonly submission = new FormSubmission();

  async submit(): Promise<void> {
    const note = this.note.trim();
    const body = { expiresIn: this.expiresIn, ...(note === '' ? {} : { note }) };
    this.made = (await this.submission.send(() => api.createInvitation(body)))?.value;
  }
}
