import type { AuditWriter } from '@pizzapi/backbone';
import { errorInfo, newId, type ErrorInfo, type IssuerFinishBody, type IssuerStartBody } from '@pizzapi/protocol';
import type { Invitations } from '../accounts/invitations.js';
import type { ApiKeys } from '../accounts/keys.js';
import type { Logins } from '../accounts/logins.js';
import { refused, retryAfterText, type Client, type Refused } from '../accounts/outcome.js';
import type { AttemptRateLimiter } from '../accounts/rateLimits.js';
import type { SignIn, SignInSuccess } from '../accounts/signIn.js';
import type { AccountStore } from '../accounts/store.js';
import type { NotificationStore } from '../notifications/store.js';
import { endOlderAccess, linkAccount } from './accountLink.js';
import { admit, admitsNewPeople, roleOf, type AdmissionRefusal } from './admission.js';
import type { PersonClaims } from './claims.js';
import type { AccountWithIdentity, Identities } from './identities.js';
import type { IssuerClient } from './issuerClient.js';
import type { IssuerMembership } from './issuerMembership.js';
import type { IssuerSettings } from './options.js';
import type { PendingSignIn, PendingSignIns } from './pendingSignIns.js';
import type { RefreshTokens } from './refreshTokens.js';
import { returnPath } from './returnPath.js';

/** The path below the page that the issuer sends browsers back to. */
export const CALLBACK_PATH = '/auth/oidc/callback';

export interface IssuerSignInDeps {
  settings: IssuerSettings;
  client: IssuerClient;
  pending: PendingSignIns;
  identities: Identities;
  membership: IssuerMembership;
  refreshTokens: RefreshTokens;
  accounts: AccountStore;
  logins: Logins;
  keys: ApiKeys;
  notifications: Pick<NotificationStore, 'clear'>;
  invitations: Invitations;
  signIn: SignIn;
  limits: AttemptRateLimiter;
  audit: AuditWriter;
  /** Where people open the page. */
  publicUrl: () => string;
}

/** `cookie` and `binding` are what the browser and its page keep until the issuer sends it back. */
export type StartedSignIn = { url: string; binding: string; cookie: string };
/** `isPending`: the sign-in was not looked at, and can be finished later. */
export type FinishOutcome = (SignInSuccess & { returnTo: string }) | (Refused & { isPending?: true });

const NOT_PENDING = 'The sign-in has expired or was begun in another browser';

/** What a person reads who may not sign in. */
const REFUSALS: Readonly<Record<AdmissionRefusal | 'invitation_needed', string>> = {
  address_unverified: 'The issuer has verified no e-mail address of this account.',
  domain: 'E-mail addresses of this domain may not sign in here.',
  groups_missing: 'The issuer does not list the groups of this account.',
  group: 'This account is in none of the groups that may sign in here.',
  invitation_needed: 'New people need an invitation here.',
};

/** Signing in through the issuer: sends a browser there, and signs it in when it returns. */
export class IssuerSignIn {
  constructor(private readonly deps: IssuerSignInDeps) {}

  /** The address that the browser goes to, and what it keeps meanwhile. Throws `issuer_unavailable`. */
  async start({ returnTo, invitation }: IssuerStartBody): Promise<StartedSignIn> {
    const { client, pending, publicUrl } = this.deps;
    const redirectUri = publicUrl() + CALLBACK_PATH;
    const checks = await client.newChecks();
    const url = await client.authorizationUrl(checks, redirectUri);
    const more = invitation === undefined || invitation === '' ? {} : { invitation };
    const kept = await pending.create({ checks, redirectUri, returnTo: returnPath(returnTo), ...more });
    return { url, ...kept };
  }

  /** Signs a browser in that the issuer has sent back. `cookie` and `binding` are what `start` gave it. */
  async finish(
    { query, binding }: IssuerFinishBody,
    cookie: string | undefined,
    client: Client,
  ): Promise<FinishOutcome> {
    const { limits } = this.deps;
    const { ip } = client;
    const wait = await limits.waitOf('issuer', { ip });
    if (wait !== undefined) return { ...retryAfterText(wait), isPending: true };
    const begun = await this.deps.pending.take(cookie, binding);
    const outcome =
      begun === undefined
        ? this.fail(client, 'no_pending', errorInfo('issuer_failed', NOT_PENDING))
        : await this.finishBegun(begun, query, client);
    // Only what fails counts, and only then: many people may sign in from one address at the same time.
    if (outcome.kind === 'refused' && outcome.error.code !== 'issuer_unavailable')
      await limits.consume('issuer', { ip });
    return outcome;
  }

  private async finishBegun(begun: PendingSignIn, query: string, client: Client): Promise<FinishOutcome> {
    const callbackUrl = new URL(begun.redirectUri);
    callbackUrl.search = query;
    const exchange = await this.deps.client.exchange(callbackUrl, begun.checks);
    if (exchange.kind === 'unavailable') return this.fail(client, exchange.why, errorInfo('issuer_unavailable'));
    if (exchange.kind === 'refused')
      return this.fail(client, exchange.why, errorInfo('issuer_failed', failedText(exchange.why)));
    const { claims, refreshToken } = exchange;
    const found = await this.accountFor(claims, begun.invitation, client);
    if (found.kind === 'refused') return found;
    return this.begin(found.account, claims, refreshToken, begun.returnTo, client);
  }

  /** The account of a person, made or linked where the operator allows it. */
  private async accountFor(
    claims: PersonClaims,
    invitation: string | undefined,
    client: Client,
  ): Promise<{ kind: 'found'; account: AccountWithIdentity } | Refused> {
    const { identities, settings, membership } = this.deps;
    const known = await identities.find(claims);
    if (known !== undefined) {
      if (known.disabledAt !== undefined && known.disabledBy !== 'issuer')
        return this.fail(client, 'account_disabled', errorInfo('account_disabled'), known.userId);
      const admission = membership.admissionOf(known, claims);
      if (admission.kind === 'allowed') {
        await endOlderAccess(this.deps, known);
        return { kind: 'found', account: known };
      }
      await membership.suspend(known.userId, admission.why);
      return this.refuse(client, admission.why, known.userId);
    }
    if (invitation !== undefined) return this.createInvited(claims, invitation, client);
    const admission = admit(claims, settings.rules);
    if (admission.kind === 'refused') return this.refuse(client, admission.why);
    const linked = await this.link(claims, client);
    if (linked !== undefined) return linked;
    if (!admitsNewPeople(settings.rules)) return this.refuse(client, 'invitation_needed');
    return { kind: 'found', account: await this.create(claims, client, { how: 'issuer' }) };
  }

  private async createInvited(
    claims: PersonClaims,
    invitation: string,
    client: Client,
  ): Promise<{ kind: 'found'; account: AccountWithIdentity } | Refused> {
    const userId = newId('u');
    const taken = await this.deps.invitations.take(invitation, userId, client.ip);
    if (taken.kind === 'refused') return taken;
    return { kind: 'found', account: await this.create(claims, client, { how: 'invitation', invited: true, userId }) };
  }

  private async create(
    claims: PersonClaims,
    { ip }: Client,
    { how, ...more }: { how: string; invited?: boolean; userId?: string },
  ): Promise<AccountWithIdentity> {
    const { identities, settings, audit } = this.deps;
    const role = roleOf(claims, settings.rules) ?? 'member';
    const { account, isNew } = await identities.create(claims, { role, ...more });
    if (isNew) audit('signup', { ip, userId: account.userId, role: account.role, how });
    return account;
  }

  /**
   * Gives the account with the verified address to the person, if the operator says so. A stranger may have made the account
   * with that address, which PizzaPi never verifies: what has been able to use it no longer can.
   */
  private async link(
    claims: PersonClaims,
    client: Client,
  ): Promise<{ kind: 'found'; account: AccountWithIdentity } | Refused | undefined> {
    const { settings, accounts, audit } = this.deps;
    if (!settings.linkByEmail || claims.address === undefined) return undefined;
    const account = await accounts.byEmail(claims.address);
    if (account === undefined || account.identity !== undefined) return undefined;
    const { userId } = account;
    if (account.disabledAt !== undefined)
      return this.fail(client, 'account_disabled', errorInfo('account_disabled'), userId);
    const linked = await linkAccount(this.deps, userId, claims);
    if (linked === undefined) return undefined;
    if (linked.userId === userId) audit('identity_linked', { ip: client.ip, userId });
    return { kind: 'found', account: linked };
  }

  private async begin(
    { userId }: AccountWithIdentity,
    claims: PersonClaims,
    refreshToken: string | undefined,
    returnTo: string,
    client: Client,
  ): Promise<FinishOutcome> {
    const { membership, settings, signIn, refreshTokens } = this.deps;
    const account = await membership.confirm(userId, claims);
    // An admin has disabled it in the meantime.
    if (account?.disabledAt !== undefined || account === undefined)
      return this.fail(client, 'account_disabled', errorInfo('account_disabled'), userId);
    const now = Date.now();
    const session = {
      ...(claims.sid === undefined ? {} : { sid: claims.sid }),
      ...{ checkedAt: now, ...(refreshToken === undefined ? {} : { checkAt: now + settings.checkMs }) },
    };
    // A gateway that checks the login has to find its token.
    const lives =
      refreshToken === undefined
        ? { ttlMs: settings.loginMs }
        : { before: (hash: string) => refreshTokens.put(hash, refreshToken) };
    const success = await signIn.begin(account, client, 'issuer', { issuer: session, ...lives });
    return { ...success, returnTo };
  }

  private refuse(client: Client, why: AdmissionRefusal | 'invitation_needed', userId?: string): Refused {
    return this.fail(client, why, errorInfo('issuer_refused', REFUSALS[why]), userId);
  }

  private fail({ ip }: Client, why: string, error: ErrorInfo, userId?: string): Refused {
    this.deps.audit('login_failed', { ip, how: 'issuer', why, ...(userId === undefined ? {} : { userId }) });
    return refused(error);
  }
}

function failedText(why: string): string {
  if (why === 'access_denied') return 'The issuer has refused the sign-in, or you have cancelled it';
  return `The answer of the issuer is not valid (${why})`;
}
