import type { NewShareReply, ShareInfo, ShareMode, UserInfo } from '@pizzapi/protocol';
import { app } from '../state/app.svelte.js';
import { api } from '../state/client.js';
import { minutes } from '../state/clock.svelte.js';
import { reportResult } from '../state/reportResult.js';
import { AsyncResource } from '../state/asyncResource.svelte.js';
import { FormSubmission } from '../state/formSubmission.svelte.js';

export const SHARE_EXPIRIES = [
  { value: '1h', label: '1 hour' },
  { value: '24h', label: '24 hours' },
  { value: '7d', label: '7 days' },
  { value: '30d', label: '30 days' },
] as const;

/** The links of one session, and the one that is being made. */
export class Shares {
  readonly #sid: string;
  readonly list: AsyncResource<{ shares: ShareInfo[] }>;
  mode = $state<ShareMode>('read');
  /** Guests of the link that is being made may read the files of the session's folder. */
  files = $state(false);
  expiresIn = $state<(typeof SHARE_EXPIRIES)[number]['value']>('24h');
  /** The link just made: only its maker's page knows it, and only until it is closed. */
  made = $state.raw<NewShareReply>();
  readonly submission = new FormSubmission();
  /** The account to share with: its address or id. */
  person = $state('');
  personMode = $state<ShareMode>('read');
  readonly personSubmission = new FormSubmission();
  /** The accounts to choose from: an admin sees all of them. */
  people = $state.raw<readonly UserInfo[]>([]);
  /** Those that still open the session, the newest first. */
  readonly open = $derived(this.#openLinks());

  /** The shares with accounts, the newest first. */
  readonly withPeople = $derived(
    this.#live().flatMap((share) => (share.person === undefined ? [] : [{ share, person: share.person }])),
  );

  constructor(sid: string) {
    this.#sid = sid;
    this.list = new AsyncResource(() => api.shares(sid));
  }

  async create(): Promise<void> {
    const body = { mode: this.mode, expiresIn: this.expiresIn, ...(this.files ? { files: true } : {}) };
    const answer = await this.submission.send(() => api.createShare(this.#sid, body));
    if (answer === undefined) return;
    this.made = answer.value;
    await this.list.load();
  }

  async revoke(shareId: string): Promise<void> {
    await this.#change(api.revokeShare(this.#sid, shareId), 'Link revoked.', shareId);
  }

  async revokeAll(): Promise<void> {
    const ids = this.open.map(({ shareId }) => shareId);
    const ended = await Promise.all(ids.map((shareId) => api.revokeShare(this.#sid, shareId)));
    const failed = ended.find((one) => one.kind === 'failed');
    await this.#change(Promise.resolve(failed ?? ended[0]!), 'All links are revoked.', this.made?.shareId);
  }

  /** Takes a link back a step: from approving to writing, from writing to watching. */
  async restrict({ shareId, mode }: ShareInfo): Promise<void> {
    const next = mode === 'approve' ? 'collab' : 'read';
    const said = next === 'read' ? 'only lets people watch now.' : 'lets people write, and approve no more.';
    await this.#change(api.restrictShare(this.#sid, shareId, next), `This link ${said}`);
  }

  async loadPeople(): Promise<void> {
    if (app.me?.role !== 'admin') return;
    const answer = await api.users();
    const others = answer.kind === 'ok' ? answer.value.users : [];
    this.people = others.filter(({ userId, disabled }) => !disabled && userId !== app.me?.userId);
  }

  async shareWithPerson(): Promise<void> {
    const body = { person: this.person.trim(), mode: this.personMode };
    if ((await this.personSubmission.send(() => api.shareWith(this.#sid, body))) === undefined) return;
    this.person = '';
    await this.list.load();
  }

  /** Ends a share with an account. */
  async withdraw(shareId: string): Promise<void> {
    await this.#change(api.revokeShare(this.#sid, shareId), 'No longer shared.', shareId);
  }

  async #change(request: Parameters<typeof reportResult>[0], said: string, ended?: string): Promise<void> {
    if (!(await reportResult(request, said))) return;
    if (ended !== undefined && ended === this.made?.shareId) this.made = undefined;
    await this.list.load();
  }

  #openLinks(): ShareInfo[] {
    return this.#live().filter(({ person }) => person === undefined);
  }

  #live(): ShareInfo[] {
    const shares = this.list.value?.shares ?? [];
    return shares
      .filter(({ revokedAt, expiresAt }) => revokedAt === undefined && expiresAt > minutes.now)
      .sort((a, b) => b.createdAt - a.createdAt);
  }
}
