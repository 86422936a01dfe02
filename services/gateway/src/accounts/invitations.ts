import { INVITATION_PREFIX, invitationRows, type AuditWriter, type Backbone } from '@pizzapi/backbone';
import { randomText, secretHash } from '@pizzapi/process';
import { errorInfo, newId, OWNER_ID, parseDuration, type InvitationInfo, type InvitationRow } from '@pizzapi/protocol';
import { refused, retryAfterText, type Refused } from './outcome.js';
import type { AttemptRateLimiter } from './rateLimits.js';
import type { AccountStore } from './store.js';

/** The lifetime of an invitation: the default, the shortest and the longest, in ms. */
const DEFAULT_LIFE_MS = 7 * 24 * 60 * 60_000;
const MIN_LIFE_MS = 60_000;
const MAX_LIFE_MS = 30 * 24 * 60 * 60_000;
/** How long an invitation is listed after its expiry, in ms. */
const LISTED_MS = 30 * 24 * 60 * 60_000;
/** Invitations that may be open at once. */
export const MAX_OPEN_INVITATIONS = 100;
/** Tries with an address that is taken, after which an invitation ends: its holder must not find out which are. */
export const MAX_TAKEN_ADDRESSES = 5;
const TOKEN_CHARS = 32;

const keyOf = (token: string): string => INVITATION_PREFIX + secretHash(token);

export interface InvitationsDeps {
  b: Backbone;
  accounts: Pick<AccountStore, 'get' | 'ensureOwner'>;
  limits: AttemptRateLimiter;
  audit: AuditWriter;
  now?: () => number;
}

export type NewInvitation = { kind: 'created'; invitation: InvitationInfo; token: string } | Refused;
/** `taken`: no other request can use the invitation until it is released. */
export type TakeInvitation = { kind: 'taken'; release: () => Promise<void> } | Refused;

/** Invitations of admins: each creates one account, whether people may sign up or not. Found by the hash of its token. */
export class Invitations {
  private readonly rows;
  private readonly now: () => number;

  constructor(private readonly deps: InvitationsDeps) {
    this.rows = invitationRows(deps.b);
    this.now = deps.now ?? Date.now;
  }

  /** All that are not long over, the newest first. */
  async list(): Promise<InvitationInfo[]> {
    const rows = await this.all();
    return rows.map(({ row }) => this.infoOf(row)).sort((a, b) => b.createdAt - a.createdAt);
  }

  async create(
    { expiresIn = DEFAULT_LIFE_MS / 1_000, note }: { expiresIn?: number | string; note?: string },
    { userId, ip }: { userId: string; ip: string },
  ): Promise<NewInvitation> {
    const life = parseDuration(expiresIn);
    if (life === undefined || life < MIN_LIFE_MS || life > MAX_LIFE_MS)
      return refused(errorInfo('bad_request', '`expiresIn` is seconds, or 30m, 12h, 7d: a minute to 30 days'));
    const open = (await this.list()).filter(({ state }) => state === 'open').length;
    if (open >= MAX_OPEN_INVITATIONS)
      return refused(errorInfo('too_many_requests', `${MAX_OPEN_INVITATIONS} invitations are open; revoke one`));
    // An invitation counts as long as the account of its admin does.
    if (userId === OWNER_ID) await this.deps.accounts.ensureOwner();
    const createdAt = this.now();
    const row: InvitationRow = {
      ...{ id: newId('i'), createdBy: userId, createdAt, expiresAt: createdAt + life },
      ...(note === undefined || note.trim() === '' ? {} : { note: note.trim() }),
    };
    const token = randomText(TOKEN_CHARS);
    await this.rows.create(keyOf(token), row, { ttlMs: life + LISTED_MS });
    this.deps.audit('invitation_created', { userId, ip, ...auditedRow(row), expiresAt: row.expiresAt });
    return { kind: 'created', invitation: this.infoOf(row), token };
  }

  /** Ends an invitation that is open; false when no open one has this id. */
  async revoke(id: string, { userId, ip }: { userId: string; ip: string }): Promise<boolean> {
    const found = (await this.all()).find(({ row }) => row.id === id);
    if (found === undefined || this.infoOf(found.row).state !== 'open') return false;
    const stored = await this.put(found.key, { ...found.row, revokedAt: this.now() }, found.revision);
    if (stored === undefined) return false;
    this.deps.audit('invitation_revoked', { userId, ip, ...auditedRow(found.row) });
    return true;
  }

  /** What an invitation says to its holder. Guessing is limited. */
  async look(token: string, ip: string): Promise<{ kind: 'open'; by: string; expiresAt: number } | Refused> {
    const found = await this.open(token, ip);
    if (found.kind === 'refused') return found;
    const { createdBy, expiresAt } = found.row;
    return { kind: 'open', by: (await this.deps.accounts.get(createdBy))?.name ?? '', expiresAt };
  }

  /** Uses an invitation up for an account that is about to be created. Of many at once, one gets it. */
  async take(token: string, userId: string, ip: string): Promise<TakeInvitation> {
    const found = await this.open(token, ip);
    if (found.kind === 'refused') return found;
    const { row, revision } = found;
    const key = keyOf(token);
    const taken = await this.put(key, { ...row, usedAt: this.now(), usedBy: userId }, revision);
    if (taken === undefined) return refused(errorInfo('invitation_invalid'));
    const release = async (): Promise<void> => {
      const attempts = (row.attempts ?? 0) + 1;
      const isOver = attempts >= MAX_TAKEN_ADDRESSES;
      await this.put(key, { ...row, attempts, ...(isOver ? { revokedAt: this.now() } : {}) }, taken);
    };
    return { kind: 'taken', release };
  }

  private async open(
    token: string,
    ip: string,
  ): Promise<{ kind: 'found'; row: InvitationRow; revision: number } | Refused> {
    const found = await this.rows.get(keyOf(token));
    const inviter = found && (await this.deps.accounts.get(found.value.createdBy));
    // The invitations of a disabled admin are not valid.
    const isOpen = found && this.infoOf(found.value).state === 'open' && inviter && inviter.disabledAt === undefined;
    if (isOpen) return { kind: 'found', row: found.value, revision: found.revision };
    const wait = await this.deps.limits.consume('invitation', { ip });
    return wait === undefined ? refused(errorInfo('invitation_invalid')) : retryAfterText(wait);
  }

  /** The new revision, or undefined when the row was changed meanwhile. */
  private async put(key: string, row: InvitationRow, revision: number): Promise<number | undefined> {
    const ttlMs = Math.max(1_000, row.expiresAt + LISTED_MS - this.now());
    const stored = await this.rows.update(key, row, revision, { ttlMs });
    return stored.kind === 'stored' ? stored.revision : undefined;
  }

  private async all(): Promise<{ key: string; row: InvitationRow; revision: number }[]> {
    const keys = await this.rows.keys(INVITATION_PREFIX);
    const found = await Promise.all(keys.map(async (key) => ({ key, entry: await this.rows.get(key) })));
    return found.flatMap(({ key, entry }) =>
      entry === undefined ? [] : [{ key, row: entry.value, revision: entry.revision }],
    );
  }

  private infoOf({ attempts: _, revokedAt, ...row }: InvitationRow): InvitationInfo {
    if (row.usedAt !== undefined) return { ...row, state: 'used' };
    if (revokedAt !== undefined) return { ...row, state: 'revoked' };
    return { ...row, state: row.expiresAt <= this.now() ? 'expired' : 'open' };
  }
}

const auditedRow = ({ id, note }: InvitationRow) => ({ invitationId: id, ...(note === undefined ? {} : { note }) });
