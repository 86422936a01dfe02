import type { AuditWriter, Backbone } from '@pizzapi/backbone';
import type { Logger } from '@pizzapi/process';
import type { IncomingHttpHeaders } from 'node:http';
import type { Invitations } from '../accounts/invitations.js';
import type { ApiKeys } from '../accounts/keys.js';
import type { Logins } from '../accounts/logins.js';
import type { AttemptRateLimiter } from '../accounts/rateLimits.js';
import type { SignIn } from '../accounts/signIn.js';
import type { AccountStore } from '../accounts/store.js';
import type { CredentialCache } from '../auth/credentialCache.js';
import type { NotificationStore } from '../notifications/store.js';
import { Identities } from './identities.js';
import { IssuerChecks } from './issuerChecks.js';
import { IssuerClient } from './issuerClient.js';
import { IssuerMembership } from './issuerMembership.js';
import { IssuerSignIn } from './issuerSignIn.js';
import type { IssuerSettings } from './options.js';
import { PendingCookie } from './pendingCookie.js';
import { PendingSignIns } from './pendingSignIns.js';
import { RefreshTokens } from './refreshTokens.js';
import { Sealer } from '../auth/sealed.js';

export interface IssuerModuleDeps {
  settings: IssuerSettings;
  b: Backbone;
  secret: Uint8Array;
  credentialCache: CredentialCache;
  accounts: AccountStore;
  logins: Logins;
  keys: ApiKeys;
  notifications: NotificationStore;
  invitations: Invitations;
  signIn: SignIn;
  limits: AttemptRateLimiter;
  audit: AuditWriter;
  log: Logger;
  /** Whether people come over https. */
  secure: boolean;
  pagePath: string;
  publicUrl: () => string;
  isAtPage: (headers: IncomingHttpHeaders) => boolean;
  isLan: (headers: IncomingHttpHeaders) => boolean;
}

/** Sign-in through the issuer, as the routes and the page need it. */
export interface IssuerModule {
  readonly settings: IssuerSettings;
  readonly client: IssuerClient;
  readonly signIn: IssuerSignIn;
  readonly checks: IssuerChecks;
  readonly limits: AttemptRateLimiter;
  readonly audit: AuditWriter;
  readonly publicUrl: () => string;
  readonly isAtPage: (headers: IncomingHttpHeaders) => boolean;
  readonly isLan: (headers: IncomingHttpHeaders) => boolean;
  readonly cookieOf: (connection: { isEncrypted: boolean }) => PendingCookie;
  start(): void;
  stop(): void;
}

export function createIssuerModule(deps: IssuerModuleDeps): IssuerModule {
  const { settings, b, secret, accounts, logins, audit, log, limits, publicUrl, isAtPage, isLan, pagePath } = deps;
  const client = new IssuerClient(settings, log);
  const sealer = new Sealer(secret);
  const identities = new Identities(b, accounts);
  const membership = new IssuerMembership({ settings, identities, accounts, logins, audit });
  const shared = {
    settings,
    client,
    identities,
    membership,
    refreshTokens: new RefreshTokens(b, sealer),
    accounts,
    audit,
  };
  const signIn = new IssuerSignIn({ ...deps, ...shared, pending: new PendingSignIns(b, sealer) });
  const checks = new IssuerChecks({ ...shared, b, logins, credentialCache: deps.credentialCache, log });
  const cookies = { plain: new PendingCookie(false, pagePath), secure: new PendingCookie(true, pagePath) };
  return {
    ...{ settings, client, signIn, checks, limits, audit, publicUrl, isAtPage, isLan },
    cookieOf: ({ isEncrypted }) => (deps.secure || isEncrypted ? cookies.secure : cookies.plain),
    start() {
      client.start();
      checks.start();
    },
    stop() {
      client.stop();
      checks.stop();
    },
  };
}
