import { type Backbone, createAuditWriter } from '@pizzapi/backbone';
import type { Logger } from '@pizzapi/process';
import type { Reach } from '@pizzapi/process/notify';
import { isId, type AccountRow, type SignupMode } from '@pizzapi/protocol';
import type { FastifyInstance } from 'fastify';
import type { IncomingHttpHeaders } from 'node:http';
import { ApiKeys } from './accounts/keys.js';
import { AttemptRateLimiter } from './accounts/rateLimits.js';
import { Handovers } from './accounts/handovers.js';
import { Invitations } from './accounts/invitations.js';
import { Logins } from './accounts/logins.js';
import { DeviceAuthorization } from './accounts/pairing.js';
import { PasswordPolicy } from './accounts/passwordPolicy.js';
import { Passwords, type PasswordLimits } from './accounts/passwords.js';
import { SignIn } from './accounts/signIn.js';
import { SignUp } from './accounts/signUp.js';
import { AccountStore } from './accounts/store.js';
import { Cookies } from './auth/cookies.js';
import { RequestAuthenticator, type RequestAuthenticatorDeps } from './auth/requestAuthenticator.js';
import { PageTokens } from './auth/pageTokens.js';
import { LastUsedRecorder } from './auth/lastUsedRecorder.js';
import { authRoutes } from './http/authRoutes.js';
import { invitationRoutes } from './http/invitationRoutes.js';
import { keyRoutes } from './http/keyRoutes.js';
import { notificationRoutes } from './http/notificationRoutes.js';
import { pairRoutes } from './http/pairRoutes.js';
import { userRoutes } from './http/userRoutes.js';
import { createIssuerModule } from './issuer/issuerModule.js';
import type { IssuerSettings } from './issuer/options.js';
import type { GatewayMetrics } from './metrics.js';
import type { NatsAddresses } from './nats/natsAddresses.js';
import { NotificationStore } from './notifications/store.js';

export interface AccountModuleDeps extends Pick<RequestAuthenticatorDeps, 'secret' | 'guests' | 'credentialCache'> {
  b: Backbone;
  /** Whether people come over https. */
  secure: boolean;
  /** The path of the page. */
  pagePath: string;
  /** Where people open the page. */
  publicUrl: () => string;
  /** The address that other devices can open. `localOnly`: no other device can open it. */
  outsideUrl: () => { url: string; localOnly: boolean };
  /** Where runners find nats-server. */
  natsAddresses: NatsAddresses;
  signup: SignupMode;
  /** How people sign in through an issuer. */
  issuer: IssuerSettings | undefined;
  /** Whether a request was made at the address of the page. */
  isAtPage: (headers: IncomingHttpHeaders) => boolean;
  /** Whether a request was made at an address of the local network. */
  isLan: (headers: IncomingHttpHeaders) => boolean;
  /** Where notifications may be sent. */
  reach: Reach;
  attemptsPerMinute: number | undefined;
  passwords: Partial<PasswordLimits> | undefined;
  metrics: GatewayMetrics;
  log: Logger;
}

/** Everything about accounts: who asks, and the routes by which people sign in and manage what lets them in. */
export interface AccountModule {
  readonly authenticator: RequestAuthenticator;
  readonly keys: ApiKeys;
  readonly limits: AttemptRateLimiter;
  /** The account that a person names by its exact address or id, unless it is disabled. */
  readonly findPerson: (named: string) => Promise<AccountRow | undefined>;
  /** Begins to ask the issuer. Does nothing without an issuer. */
  readonly start: () => void;
  readonly stop: () => void;
  /** Adds the routes. Nothing of them may be kept by a browser or a proxy. */
  readonly register: (app: FastifyInstance) => Promise<void>;
}

export function createAccountModule(deps: AccountModuleDeps): AccountModule {
  const {
    b,
    secret,
    credentialCache,
    guests,
    publicUrl,
    outsideUrl,
    natsAddresses,
    signup: mode,
    reach,
    metrics,
    log,
  } = deps;
  const cookies = new Cookies(secret, deps.secure, deps.pagePath);
  const pageTokens = new PageTokens(secret);
  const authenticator = new RequestAuthenticator({
    secret,
    cookies,
    pageTokens,
    credentialCache,
    guests,
    lastUsed: new LastUsedRecorder(b, log),
  });
  const audit = createAuditWriter(b, log);
  const limits = new AttemptRateLimiter(deps.attemptsPerMinute);
  const passwords = new Passwords(deps.passwords);
  const accounts = new AccountStore(b, credentialCache);
  const logins = new Logins(b, credentialCache);
  const keys = new ApiKeys(b, credentialCache, accounts);
  const invitations = new Invitations({ b, accounts, limits, audit });
  const handovers = new Handovers({ b, credentialCache, limits, audit });
  const passwordPolicy = new PasswordPolicy(deps.issuer?.passwords);
  const entry = { accounts, logins, passwords, limits, passwordPolicy, audit };
  const signIn = new SignIn({ ...entry, b, secret, cookies, handovers, issuerLoginMs: deps.issuer?.loginMs });
  const signUp = new SignUp({ ...entry, mode, signIn, invitations });
  const pairing = new DeviceAuthorization({ b, credentialCache, keys, limits, audit, publicUrl });
  const store = new NotificationStore(b, publicUrl);
  const issuer =
    deps.issuer === undefined
      ? undefined
      : createIssuerModule({
          ...{ ...deps, settings: deps.issuer, accounts, logins, keys, notifications: store },
          ...{ invitations, signIn, limits, audit },
        });
  return {
    start: () => issuer?.start(),
    stop: () => issuer?.stop(),
    authenticator,
    keys,
    limits,
    async findPerson(named) {
      const found = named.includes('@')
        ? await accounts.byEmail(named)
        : isId(named)
          ? await accounts.get(named)
          : undefined;
      return found?.disabledAt === undefined ? found : undefined;
    },
    async register(app) {
      await app.register(async (scope) => {
        scope.addHook('onSend', async (_request, reply) => void reply.header('cache-control', 'no-store'));
        authRoutes(scope, {
          credentialCache,
          logins,
          signIn,
          signUp,
          handovers,
          outsideUrl,
          cookies,
          pageTokens,
          issuer,
          passwordPolicy,
          audit,
          metrics,
        });
        keyRoutes(scope, { keys, audit, metrics, natsAddresses });
        pairRoutes(scope, { pairing, metrics, natsAddresses });
        invitationRoutes(scope, { invitations, metrics, outsideUrl });
        userRoutes(scope, { accounts, logins, passwordPolicy, audit, metrics });
        notificationRoutes(scope, { store, reach, limits, audit, metrics, publicUrl });
      });
    },
  };
}
