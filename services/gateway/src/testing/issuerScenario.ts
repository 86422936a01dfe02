import { generateKeyPair, importJWK, SignJWT, type JWTPayload } from 'jose';
import { startIdentityProvider, type IdentityProvider, type ProviderPerson } from '@pizzapi/process/testing';
import type { IssuerFinishReply } from '@pizzapi/protocol';
import type { GatewayOptions } from '../gateway.js';
import type { IssuerSettings } from '../issuer/options.js';
import { Browser, pageOf } from './browser.js';
import { startScenario, type GatewayScenario } from './scenario.js';

/** Gateways that people sign in to through a real provider. */
export interface IssuerScenario extends GatewayScenario {
  provider: IdentityProvider;
  settings: IssuerSettings;
  /** One more gateway, with other settings of the issuer. */
  startWith(more: Partial<IssuerSettings>, options?: Partial<GatewayOptions>): Promise<string>;
  /** A browser at the page of the first gateway; `url` is that of another one. */
  browser(url?: string): Browser;
  /** Adds a person to the provider. */
  knows(subject: string, person?: ProviderPerson): string;
}

const DAY = 24 * 60 * 60_000;

export async function startIssuerScenario(): Promise<IssuerScenario> {
  const provider = await startIdentityProvider();
  const settings: IssuerSettings = {
    ...{ issuer: new URL(provider.issuer), clientId: provider.clientId, clientSecret: provider.clientSecret },
    ...{ scopes: 'openid profile email', name: 'Acme', groupsClaim: 'groups', linkByEmail: false, passwords: 'keep' },
    rules: { domains: ['acme.example'], groups: [], adminGroup: 'ops' },
    ...{ checkMs: DAY, loginMs: DAY, confirmMs: 30 * DAY },
  };
  const s = await startScenario({ issuer: settings, attemptsPerMinute: 1_000 });
  const page = pageOf(s.url);
  return {
    ...{ ...s, provider, settings },
    startWith: async (more, options) => {
      // Its page is that of the first gateway, as behind a load balancer.
      const { gateway } = await s.start({ issuer: { ...settings, ...more }, publicUrl: page, ...options });
      const address = gateway.app.server.address();
      return `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
    },
    browser: (url) => new Browser(s.url, {}, url === undefined ? undefined : Number(new URL(url).port)),
    knows(subject, person = {}) {
      const email = `${subject}@acme.example`;
      provider.people.set(subject, { name: subject, email, email_verified: true, groups: [], ...person });
      return subject;
    },
    end: async () => {
      await s.end();
      await provider.stop();
    },
  };
}

/** The provider accepts the page of the first gateway. */
export function registerPage({ provider, url }: IssuerScenario): void {
  const page = pageOf(url);
  const logoutUri = `${url}/auth/oidc/backchannel-logout`;
  provider.register({ redirectUri: `${page}/auth/oidc/callback`, logoutUri, signedOutUri: `${page}/` });
}

export interface Begun {
  url: string;
  binding: string;
}

export const begin = async (browser: Browser, body: object = {}): Promise<Begun> =>
  (await browser.ask('/api/auth/oidc/start', body)).body as Begun;

export const finish = (browser: Browser, callback: URL, { binding }: Pick<Begun, 'binding'>) =>
  browser.ask('/api/auth/oidc/finish', { query: callback.search, binding });

/** The whole sign-in of a person. */
export async function signInAs(
  { provider }: IssuerScenario,
  browser: Browser,
  subject: string,
  body: object = {},
): Promise<{ status: number; code?: string; body: IssuerFinishReply }> {
  const begun = await begin(browser, body);
  const answer = await finish(browser, await provider.signIn(begun.url, subject), begun);
  return { ...answer, body: answer.body as IssuerFinishReply };
}

/** Signs what a provider would, with one of its keys or with another one. */
export async function signedBy(
  { provider }: IssuerScenario,
  payload: JWTPayload,
  { key, typ }: { key?: 'other'; typ?: string } = {},
): Promise<string> {
  const [jwk] = provider.keys;
  const signer = key === 'other' ? (await generateKeyPair('RS256')).privateKey : await importJWK(jwk!, 'RS256');
  const header = {
    alg: 'RS256',
    ...(jwk?.kid === undefined ? {} : { kid: jwk.kid }),
    ...(typ === undefined ? {} : { typ }),
  };
  return new SignJWT(payload).setProtectedHeader(header).sign(signer);
}
