import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { generateKeyPair, exportJWK, type JWK } from 'jose';
import type { Configuration, Provider } from 'oidc-provider';

/** A person at the provider; the claims are those of the ID token. */
export interface ProviderPerson {
  name?: string;
  email?: string;
  email_verified?: boolean | string;
  groups?: string[];
}

export interface ProviderClient {
  redirectUri: string;
  logoutUri: string;
  signedOutUri: string;
}

type Body = Record<string, unknown>;

/** A real OpenID Connect provider (`oidc-provider`) for tests, with a page to sign in at. */
export interface IdentityProvider {
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: string;
  /** Who can sign in, by subject. */
  readonly people: Map<string, ProviderPerson>;
  /** Whether it gives refresh tokens. */
  refreshes: boolean;
  /** Changes an answer of the token endpoint, as a provider that lies would. */
  tamper: ((body: Body) => Body | Promise<Body>) | undefined;
  /** Answers nothing but errors. */
  isAway: boolean;
  /** Requests at the token endpoint that it has answered with an error. */
  refusedTokens: number;
  /** Its private keys, the newest first. */
  readonly keys: JWK[];
  /** Accepts a client. Until then the provider answers 503. */
  register(client: ProviderClient): void;
  /** Signs with a new key from now on; the old key is gone. */
  rotateKeys(): Promise<void>;
  /** Signs in at the page as a browser does; the address that the provider sends the browser back to. */
  signIn(authorizationUrl: string, subject: string): Promise<URL>;
  /** Ends the sessions of a person by a logout token, as on a sign-out elsewhere. */
  logOut(subject: string): Promise<void>;
  stop(): Promise<void>;
}

const newKey = async (): Promise<JWK> => {
  const { privateKey } = await generateKeyPair('RS256', { extractable: true });
  return { ...(await exportJWK(privateKey)), use: 'sig', alg: 'RS256', kid: randomBytes(6).toString('hex') };
};

export async function startIdentityProvider(): Promise<IdentityProvider> {
  // Loaded on demand: most tests have no provider.
  const library = await import('oidc-provider');
  const clientId = 'pizzapi';
  const clientSecret = randomBytes(16).toString('hex');
  let registered: ProviderClient | undefined;
  let provider: Provider | undefined;
  const server = createServer((request, response) => void serve(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  const build = (): void => {
    if (registered === undefined) return;
    provider = new library.Provider(issuer, configurationOf(self, registered));
    provider.on('grant.error', () => self.refusedTokens++);
    provider.use(async (ctx, next) => {
      await next();
      const body: unknown = ctx.body;
      if (ctx.path === '/token' && ctx.status === 200 && self.tamper !== undefined)
        ctx.body = await self.tamper(body as Body);
    });
  };
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const url = new URL(request.url ?? '/', issuer);
    if (provider === undefined || self.isAway) {
      if (url.pathname === '/token') self.refusedTokens++;
      return void response.writeHead(503).end();
    }
    if (!url.pathname.startsWith('/interaction/')) return void provider.callback()(request, response);
    const subject = url.searchParams.get('login');
    if (subject === null) return void response.setHeader('content-type', 'text/html').end(SIGN_IN_PAGE);
    await provider.interactionFinished(request, response, { login: { accountId: subject } });
  };

  const self: IdentityProvider = {
    ...{
      issuer,
      clientId,
      clientSecret,
      people: new Map(),
      refreshes: true,
      tamper: undefined,
      isAway: false,
      refusedTokens: 0,
    },
    keys: [await newKey()],
    register(client) {
      registered = client;
      build();
    },
    async rotateKeys() {
      self.keys.splice(0, self.keys.length, await newKey());
      build();
    },
    signIn: (authorizationUrl, subject) => signInAt(issuer, authorizationUrl, subject),
    async logOut(subject) {
      const client = await provider?.Client.find(clientId);
      const send: unknown = client?.['backchannelLogout'];
      if (typeof send !== 'function') throw new Error('The provider has no client');
      const sent: unknown = Reflect.apply(send, client, [subject]);
      await sent;
    },
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return self;
}

function configurationOf(self: IdentityProvider, client: ProviderClient): Configuration {
  return {
    clients: [
      {
        ...{ client_id: self.clientId, client_secret: self.clientSecret },
        redirect_uris: [client.redirectUri],
        grant_types: ['authorization_code', 'refresh_token'],
        post_logout_redirect_uris: [client.signedOutUri],
        ...{ backchannel_logout_uri: client.logoutUri, backchannel_logout_session_required: false },
      },
    ],
    jwks: { keys: self.keys },
    cookies: { keys: ['test'] },
    claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name', 'groups'] },
    scopes: ['openid', 'email', 'profile', 'offline_access'],
    conformIdTokenClaims: false,
    ttl: {
      AccessToken: 600,
      AuthorizationCode: 60,
      Grant: 3_600,
      IdToken: 600,
      Interaction: 600,
      RefreshToken: 3_600,
      Session: 3_600,
    },
    pkce: { required: () => true },
    features: {
      devInteractions: { enabled: false },
      backchannelLogout: { enabled: true },
      rpInitiatedLogout: { enabled: true },
    },
    // The provider itself refuses to connect to addresses of this machine.
    fetch: (url, { method = 'GET', headers = {}, body = null } = {}) => fetch(url, { method, headers, body }),
    interactions: { url: (_ctx, { uid }) => `/interaction/${uid}` },
    issueRefreshToken: () => Promise.resolve(self.refreshes),
    findAccount: (_ctx, subject) => {
      const person = self.people.get(subject);
      if (person === undefined) return undefined;
      return { accountId: subject, claims: () => Promise.resolve({ sub: subject, ...person }) };
    },
    // Each person has agreed to what the client asks for.
    async loadExistingGrant({ oidc }) {
      const { session, provider, client: asking } = oidc;
      const known = session?.grantIdFor(asking?.clientId ?? '');
      if (known !== undefined) return provider.Grant.find(known);
      const grant = new provider.Grant({ clientId: asking?.clientId, accountId: session?.accountId });
      grant.addOIDCScope('openid email profile offline_access');
      await grant.save();
      return grant;
    },
  };
}

const SIGN_IN_PAGE = `<!doctype html><title>Acme</title><h1>Sign in at Acme</h1>
<form><label>Account <input name="login" /></label> <button>Continue</button></form>`;

/** Follows the redirects with the cookies of one browser, and signs in at the page. */
async function signInAt(issuer: string, authorizationUrl: string, subject: string): Promise<URL> {
  const cookies = new Map<string, string>();
  let url = new URL(authorizationUrl);
  for (let step = 0; step < 10; step++) {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const response = await fetch(url, { redirect: 'manual', headers: { cookie } });
    for (const set of response.headers.getSetCookie()) {
      const [name = '', value = ''] = set.split(';', 1)[0]!.split(/=(.*)/s);
      cookies.set(name, value);
    }
    const to = response.headers.get('location');
    if (to === null)
      throw new Error(`The provider answered ${response.status}: ${(await response.text()).slice(0, 500)}`);
    url = new URL(to, url);
    if (url.origin !== issuer) return url;
    if (url.pathname.startsWith('/interaction/')) url.searchParams.set('login', subject);
  }
  throw new Error('The provider never sent the browser back');
}
