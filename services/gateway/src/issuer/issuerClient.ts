import { retry, sleep, type Logger } from '@pizzapi/process';
import { CodedError } from '@pizzapi/protocol';
import type * as OpenId from 'openid-client';
import { boundedFetch, ISSUER_TIMEOUT_MS } from './boundedFetch.js';
import { lacksClaims, readClaims, type PersonClaims } from './claims.js';
import { issuerErrorText, type IssuerFailure } from './failure.js';
import { LogoutTokens, type LogoutToken } from './logoutTokens.js';
import type { IssuerSettings } from './options.js';

/** How long the description of the issuer is used, in ms. */
const FRESH_MS = 5 * 60_000;
/** Pauses between attempts to read it, in ms. */
const RETRY = { minMs: 1_000, maxMs: 60_000 };

/** What a gateway keeps while a browser is at the issuer. */
export interface AuthorizationChecks {
  state: string;
  nonce: string;
  verifier: string;
}

/** `isComplete`: the issuer described the person anew, so that what it does not say is not so. */
export type Confirmation = { kind: 'confirmed'; claims: PersonClaims; isComplete: boolean; refreshToken?: string };
/** `refreshToken` of a failure: the issuer had given the next one before another request failed. */
export type Exchange = Confirmation | (IssuerFailure & { refreshToken?: string });

/**
 * The issuer of OpenID Connect: its description, which is read again and again until the issuer answers, and the requests of
 * a sign-in. Each request takes the keys of the issuer anew, so that keys that the issuer has changed are known at once.
 */
export class IssuerClient {
  private found: { metadata: OpenId.ServerMetadata; at: number } | undefined;
  private reading: Promise<OpenId.ServerMetadata> | undefined;
  private readonly stopping = new AbortController();
  /** Whether the issuer answered when it was last asked. */
  private answers = false;
  private logoutTokens: LogoutTokens | undefined;

  constructor(
    private readonly settings: IssuerSettings,
    private readonly log: Logger,
  ) {}

  get isAvailable(): boolean {
    return this.answers;
  }

  /** Reads the description until `stop`: until the issuer answers, and then at times. */
  start(): void {
    void this.keepReading();
  }

  stop(): void {
    this.stopping.abort();
  }

  /** The address that a browser signs in at. Throws `issuer_unavailable`. */
  async authorizationUrl(checks: AuthorizationChecks, redirectUri: string): Promise<string> {
    const { client, config } = await this.configuration();
    const url = client.buildAuthorizationUrl(config, {
      redirect_uri: redirectUri,
      scope: this.settings.scopes,
      state: checks.state,
      nonce: checks.nonce,
      code_challenge: await client.calculatePKCECodeChallenge(checks.verifier),
      code_challenge_method: 'S256',
    });
    return this.browserUrl(url, 'authorization_endpoint');
  }

  /** Random values for one sign-in. */
  async newChecks(): Promise<AuthorizationChecks> {
    const client = await library();
    return { state: client.randomState(), nonce: client.randomNonce(), verifier: client.randomPKCECodeVerifier() };
  }

  /** Exchanges the code that the issuer sent the browser back with. */
  async exchange(callbackUrl: URL, checks: AuthorizationChecks): Promise<Exchange> {
    return this.attempt(async ({ client, config }) => {
      const tokens = await client.authorizationCodeGrant(config, callbackUrl, {
        expectedState: checks.state,
        expectedNonce: checks.nonce,
        pkceCodeVerifier: checks.verifier,
        idTokenExpected: true,
      });
      const token = tokens.claims();
      if (token === undefined) return { kind: 'refused', why: 'no_id_token' };
      return this.confirmed({ client, config }, tokens, token);
    });
  }

  /** Asks whether the issuer still knows the person. `subject` has to be the same. */
  async refresh(refreshToken: string, subject: string): Promise<Exchange> {
    return this.attempt(async ({ client, config }) => {
      const tokens = await client.refreshTokenGrant(config, refreshToken);
      // An ID token need not come again; then the userinfo endpoint says who the person is.
      const token = tokens.claims();
      if (token !== undefined && token.sub !== subject) return { kind: 'refused', why: 'subject_changed' };
      const known = token ?? { iss: config.serverMetadata().issuer, sub: subject };
      const next = { refreshToken: tokens.refresh_token ?? refreshToken };
      const asked = this.confirmed({ client, config }, tokens, known, token !== undefined);
      return { ...(await asked.catch((error: unknown) => this.failed(error))), ...next };
    });
  }

  /** Checks a logout token of the issuer. Undefined for any other text. Throws `issuer_unavailable`. */
  async verifyLogoutToken(text: string): Promise<LogoutToken | undefined> {
    const metadata = await this.metadata();
    this.logoutTokens ??= new LogoutTokens(this.settings.clientId);
    return this.logoutTokens.verify(text, metadata);
  }

  /**
   * Where a person ends the session at the issuer, as far as the issuer is known to have such an address. It never waits for the
   * issuer: the page shows it beside other ways to sign in.
   */
  async signOutUrl(returnTo: string): Promise<string | undefined> {
    const metadata = this.found?.metadata;
    const { end_session_endpoint: address = '' } = metadata ?? {};
    if (metadata === undefined || !URL.canParse(address) || !this.isBrowserUrl(new URL(address))) return undefined;
    const client = await library();
    return client.buildEndSessionUrl(this.configure(client, metadata), { post_logout_redirect_uri: returnTo }).href;
  }

  private async confirmed(
    { client, config }: Configured,
    tokens: OpenId.TokenEndpointResponse,
    token: Readonly<Record<string, unknown>> & { sub: string },
    isIdToken = true,
  ): Promise<Exchange> {
    const { groupsClaim } = this.settings;
    const mayAsk = config.serverMetadata().userinfo_endpoint !== undefined && lacksClaims(token, groupsClaim);
    const userinfo = mayAsk ? await client.fetchUserInfo(config, tokens.access_token, token.sub) : undefined;
    const claims = readClaims(token, userinfo, groupsClaim);
    if (claims === undefined) return { kind: 'refused', why: 'claims' };
    return {
      ...{ kind: 'confirmed', claims, isComplete: isIdToken || userinfo !== undefined },
      ...(tokens.refresh_token === undefined ? {} : { refreshToken: tokens.refresh_token }),
    };
  }

  private async attempt(work: (configured: Configured) => Promise<Exchange>): Promise<Exchange> {
    try {
      return await work(await this.configuration());
    } catch (error) {
      return this.failed(error);
    }
  }

  private failed(error: unknown): IssuerFailure {
    const failure = issuerErrorText(error);
    if (failure.kind === 'unavailable') this.answers = false;
    this.log.warn({ why: failure.why }, 'the issuer did not confirm a sign-in');
    return failure;
  }

  private async configuration(): Promise<Configured> {
    const client = await library();
    return { client, config: this.configure(client, await this.metadata()) };
  }

  private configure(client: typeof OpenId, metadata: OpenId.ServerMetadata): OpenId.Configuration {
    const { clientId, clientSecret, issuer } = this.settings;
    const methods = metadata.token_endpoint_auth_methods_supported ?? ['client_secret_basic'];
    const authentication =
      clientSecret === undefined
        ? client.None()
        : methods.includes('client_secret_post')
          ? client.ClientSecretPost(clientSecret)
          : client.ClientSecretBasic(clientSecret);
    const config = new client.Configuration(metadata, clientId, undefined, authentication);
    config[client.customFetch] = boundedFetch;
    config.timeout = ISSUER_TIMEOUT_MS / 1_000;
    // Also the signature of an ID token that came straight from the issuer.
    client.enableNonRepudiationChecks(config);
    if (issuer.protocol === 'http:') allowsPlain(client)(config);
    return config;
  }

  /** The description of the issuer. Throws `issuer_unavailable`. */
  private async metadata(): Promise<OpenId.ServerMetadata> {
    const { found } = this;
    if (found !== undefined && found.at > Date.now() - FRESH_MS) return found.metadata;
    this.reading ??= this.read().finally(() => (this.reading = undefined));
    try {
      return await this.reading;
    } catch (error) {
      // What the issuer said before holds until it answers again.
      if (found !== undefined) return found.metadata;
      throw new CodedError('issuer_unavailable', `${this.settings.issuer.host}: ${issuerErrorText(error).why}`);
    }
  }

  private async read(): Promise<OpenId.ServerMetadata> {
    const client = await library();
    const { issuer, clientId } = this.settings;
    try {
      const config = await client.discovery(issuer, clientId, undefined, client.None(), {
        [client.customFetch]: boundedFetch,
        timeout: ISSUER_TIMEOUT_MS / 1_000,
        execute: issuer.protocol === 'http:' ? [allowsPlain(client)] : [],
      });
      const metadata = config.serverMetadata();
      this.found = { metadata, at: Date.now() };
      if (!this.answers) this.log.info({ issuer: issuer.href }, 'issuer answers');
      this.answers = true;
      return metadata;
    } catch (error) {
      this.answers = false;
      throw error;
    }
  }

  private async keepReading(): Promise<void> {
    const { signal } = this.stopping;
    const { href: issuer } = this.settings.issuer;
    while (!signal.aborted) {
      const read = () => (this.reading ??= this.read().finally(() => (this.reading = undefined)));
      await retry(read, {
        signal,
        backoff: RETRY,
        onRetry: (error) =>
          this.log.warn({ issuer, why: issuerErrorText(error).why }, 'issuer does not answer; trying again'),
      });
      await sleep(FRESH_MS / 2, signal);
    }
  }

  /** An address that a browser may be sent to. */
  private browserUrl(url: URL, what: string): string {
    if (!this.isBrowserUrl(url))
      throw new CodedError('issuer_unavailable', `The issuer names no https address as ${what}`);
    return url.href;
  }

  private isBrowserUrl({ protocol }: URL): boolean {
    return protocol === 'https:' || (protocol === 'http:' && this.settings.issuer.protocol === 'http:');
  }
}

interface Configured {
  client: typeof OpenId;
  config: OpenId.Configuration;
}

/** Loaded on demand: most gateways have no issuer. */
const library = (): Promise<typeof OpenId> => import('openid-client');

/**
 * An issuer of this machine needs no TLS. `readIssuerSettings` refuses any other one. Discovery looks for this very function
 * of the library.
 */
const allowsPlain = (client: typeof OpenId): ((config: OpenId.Configuration) => void) => client.allowInsecureRequests;
