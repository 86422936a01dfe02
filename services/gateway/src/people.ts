import type { Backbone } from '@pizzapi/backbone';
import type { Logger } from '@pizzapi/process';
import type { Reach } from '@pizzapi/process/notify';
import type { SignupMode } from '@pizzapi/protocol';
import type { FastifyInstance } from 'fastify';
import { Keys } from './accounts/keys.js';
import { AttemptLimits } from './accounts/limits.js';
import { Logins } from './accounts/logins.js';
import { Pairing } from './accounts/pairing.js';
import { Passwords, type PasswordLimits } from './accounts/passwords.js';
import { SignIn } from './accounts/signIn.js';
import { SignUp } from './accounts/signUp.js';
import { AccountStore } from './accounts/store.js';
import { trailOf } from './accounts/trail.js';
import { Cookie } from './auth/cookie.js';
import { Credentials, type CredentialsDeps } from './auth/credentials.js';
import { DeviceCookie } from './auth/deviceCookie.js';
import { PageTokens } from './auth/pageTokens.js';
import { Seen } from './auth/seen.js';
import { authRoutes } from './http/authRoutes.js';
import { keyRoutes } from './http/keyRoutes.js';
import { notificationRoutes } from './http/notificationRoutes.js';
import { pairRoutes } from './http/pairRoutes.js';
import { userRoutes } from './http/userRoutes.js';
import type { GatewayMetrics } from './metrics.js';
import { NotificationStore } from './notifications/store.js';

export interface PeopleDeps extends Pick<CredentialsDeps, 'secret' | 'guests' | 'registry'> {
  b: Backbone;
  /** Whether people come over https. */
  secure: boolean;
  /** Where people open the page. */
  publicUrl: () => string;
  /** Where runners find nats-server. */
  natsUrl: string | undefined;
  signup: SignupMode;
  /** Where notifications may be sent. */
  reach: Reach;
  attemptsPerMinute: number | undefined;
  passwords: Partial<PasswordLimits> | undefined;
  metrics: GatewayMetrics;
  log: Logger;
}

/** Everything about accounts: who asks, and the routes by which people sign in and manage what lets them in. */
export interface People {
  readonly credentials: Credentials;
  /** Adds the routes. Nothing of them may be kept by a browser or a proxy. */
  readonly register: (app: FastifyInstance) => Promise<void>;
}

export function createPeople(deps: PeopleDeps): People {
  const { b, secret, registry, guests, publicUrl, natsUrl, signup: mode, reach, metrics, log } = deps;
  const cookie = new Cookie(deps.secure);
  const devices = new DeviceCookie(secret, deps.secure);
  const pageTokens = new PageTokens(secret);
  const credentials = new Credentials({ secret, cookie, pageTokens, registry, guests, seen: new Seen(b, log) });
  const trail = trailOf(b, log);
  const limits = new AttemptLimits(deps.attemptsPerMinute);
  const passwords = new Passwords(deps.passwords);
  const accounts = new AccountStore(b, registry);
  const logins = new Logins(b, registry);
  const keys = new Keys(b, registry, accounts);
  const signIn = new SignIn({ b, secret, accounts, logins, passwords, limits, devices, trail });
  const signUp = new SignUp({ mode, accounts, logins, passwords, limits, signIn, trail });
  const pairing = new Pairing({ b, registry, keys, limits, trail, publicUrl, natsUrl });
  const store = new NotificationStore(b, publicUrl);
  return {
    credentials,
    async register(app) {
      await app.register(async (scope) => {
        scope.addHook('onSend', async (_request, reply) => void reply.header('cache-control', 'no-store'));
        authRoutes(scope, { registry, logins, signIn, signUp, cookie, pageTokens, devices, trail, metrics });
        keyRoutes(scope, { keys, trail, metrics, natsUrl });
        pairRoutes(scope, { pairing, metrics });
        userRoutes(scope, { accounts, logins, trail, metrics });
        notificationRoutes(scope, { store, reach, limits, trail, metrics, publicUrl });
      });
    },
  };
}
