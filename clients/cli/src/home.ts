import { join } from 'node:path';
import { localToken, OPTIONS, readGatewaySecret, readOptions } from '@pizzapi/process';
import { errorInfo, isMap, programUrl, stringAt, type UnknownMap } from '@pizzapi/protocol';
import { createApi, type Api } from '@pizzapi/session-client';
import { Failure, type Io } from './io.js';
import { lastLogin, loginAt } from './logins.js';
import { readJsonMap } from './privateFile.js';

/** Options of every command that looks into the home of a local run. */
export const HOME_OPTIONS = { home: OPTIONS.home };

/** Options of every command that asks a gateway. Without a named one it is the local run's, or the one signed in to last. */
export const GATEWAY_OPTIONS = {
  home: OPTIONS.home,
  relayUrl: {
    ...OPTIONS.relayUrl,
    default: undefined,
    help: 'Address of the gateway (default: the local run, or where you signed in last)',
  },
  apiKey: OPTIONS.apiKey,
} as const;

/** What a person's program says to nats-server to be let in. */
export interface NatsLogin {
  user: string;
  password: string;
}

export interface NatsAccess {
  url: string;
  /** The provisioner's login: an nkey seed. */
  admin: { nkeySeed: string };
  /** Watches everything, changes nothing. */
  auditor: NatsLogin;
  /** Lets a runner in as the owner's. */
  runnerToken: string;
}

function credentialsFile(home: string): string {
  return join(home, 'nats', 'credentials.json');
}

/** How to reach the nats-server of a local run, or undefined when none of this version ever ran in this home. */
export function readNatsAccess(home: string): NatsAccess | undefined {
  const file = readJsonMap(credentialsFile(home)) ?? {};
  const users = mapAt(file, 'users');
  const [url, runnerToken] = [stringAt(file, 'url'), stringAt(file, 'runnerToken')];
  const nkeySeed = stringAt(mapAt(users, 'admin'), 'nkeySeed');
  const { user, password } = mapAt(users, 'auditor');
  if (url === undefined || runnerToken === undefined || nkeySeed === undefined) return undefined;
  if (typeof user !== 'string' || typeof password !== 'string') return undefined;
  return { url, admin: { nkeySeed }, auditor: { user, password }, runnerToken };
}

/** As `readNatsAccess`; without any it fails and says what makes some. */
export function requireNatsAccess(home: string): NatsAccess {
  const access = readNatsAccess(home);
  if (access !== undefined) return access;
  const what = `${credentialsFile(home)} does not exist: no local run has created it yet. Start one with \`pizzapi local\``;
  throw new Failure(errorInfo('nats_unreachable', what));
}

/** What `<home>/local.json` says of the local run: present while one runs, or after one was killed. */
export function readLocalState(home: string): LocalState | undefined {
  const state = readJsonMap(join(home, 'local.json'));
  const { pid, url, natsUrl, pageUrl } = state ?? {};
  if (typeof pid !== 'number' || typeof url !== 'string' || typeof natsUrl !== 'string') return undefined;
  return { pid, url, natsUrl, pageUrl: typeof pageUrl === 'string' ? pageUrl : url };
}

export interface LocalState {
  pid: number;
  /** Where programs reach the gateway. */
  url: string;
  /** Where people open its page. */
  pageUrl: string;
  natsUrl: string;
}

/** Where people open the page of a gateway that programs reach at `url`, as far as this home knows. */
export function pageAt(home: string, url: string): string {
  const local = readLocalState(home);
  return local?.url === url ? local.pageUrl : url;
}

export interface GatewayAccess {
  url: string;
  /** Undefined when there is nothing to show: the gateway will say so. */
  token: string | undefined;
  api: Api;
}

/**
 * The gateway to talk to, and what speaks for the person there: an API key, what `pizzapi login` got for this gateway,
 * or the local run's own secret.
 */
export function gatewayOf(flags: Readonly<Record<string, unknown>>, io: Io): GatewayAccess & { home: string } {
  const { home, relayUrl, apiKey } = readOptions(GATEWAY_OPTIONS, flags, io.env);
  const local = readLocalState(home)?.url;
  const url = programUrl(relayUrl ?? local ?? lastLogin(home) ?? OPTIONS.relayUrl.default);
  const secret = url === local || isLoopback(url) ? readGatewaySecret(home) : undefined;
  const token = apiKey ?? loginAt(home, url) ?? (secret && localToken(secret));
  return { home, url, token, api: createApi({ url, ...(token === undefined ? {} : { token }) }) };
}

/** The local secret never goes to another machine. */
export function isLoopback(url: string): boolean {
  const host = URL.canParse(url) ? new URL(url).hostname : '';
  return host === 'localhost' || host === '[::1]' || /^127(\.\d{1,3}){3}$/.test(host);
}

function mapAt(map: UnknownMap, key: string): UnknownMap {
  const value = map[key];
  return isMap(value) ? value : {};
}
