import {
  givenGatewaySecret,
  homeLayout,
  localToken,
  OPTIONS,
  parseLocalState,
  parseNatsAccess,
  readGatewaySecret,
  readOptions,
  type LocalState,
  type NatsAccess,
} from '@pizzapi/process';
import { programUrl } from '@pizzapi/protocol';
import type { Api } from '@pizzapi/session-client';
import { readJsonMap } from './jsonFile.js';
import { lastLogin, loginAt, relayName } from './logins.js';
import { gatewayApi } from './outbound.js';

/** Options of every command that asks a gateway. Without a named one it is the local run's, or the one signed in to last. */
export const GATEWAY_OPTIONS = {
  home: OPTIONS.home,
  relayUrl: {
    ...OPTIONS.relayUrl,
    default: undefined,
    help: 'Address of the gateway (default: the local run, or where you signed in last)',
  },
  apiKey: OPTIONS.apiKey,
  gatewaySecret: OPTIONS.gatewaySecret,
} as const;

/** Returns how to reach the nats-server of a local run, or undefined when no local run of this version used this home. */
export function readNatsAccess(home: string): NatsAccess | undefined {
  return parseNatsAccess(readJsonMap(homeLayout(home).natsAccessFile));
}

/** Returns the state of the local run of this home: present while it runs, and after it was killed. */
export function readLocalState(home: string): LocalState | undefined {
  return parseLocalState(readJsonMap(homeLayout(home).localStateFile));
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
export function gatewayOf(
  flags: Readonly<Record<string, unknown>>,
  { env }: Pick<typeof process, 'env'>,
): GatewayAccess & { home: string } {
  const { home, relayUrl, apiKey, gatewaySecret } = readOptions(GATEWAY_OPTIONS, flags, env);
  const local = readLocalState(home)?.url;
  const url = programUrl(relayUrl ?? local ?? lastLogin(home) ?? OPTIONS.relayUrl.default);
  const secret = url === local || isLoopback(url) ? gatewaySecretOf(home, gatewaySecret) : undefined;
  const token = apiKey ?? loginAt(home, url) ?? (secret && localToken(secret));
  return { home, url, token, api: gatewayApi({ url, client: 'terminal', ...(token === undefined ? {} : { token }) }) };
}

/** Returns the secret that an option holds, or else that of a home. Throws `bad_option` for an option that holds none. */
export function gatewaySecretOf(home: string, given: string | undefined): Buffer | undefined {
  return given === undefined ? readGatewaySecret(home) : givenGatewaySecret(given);
}

/** The local secret never goes to another machine. */
export function isLoopback(url: string): boolean {
  const host = URL.canParse(url) ? new URL(url).hostname : '';
  return host === 'localhost' || host === '[::1]' || /^127(\.\d{1,3}){3}$/.test(host);
}

/** The key for a gateway. The key of the environment is only for the gateway that was named with it. */
export function keyFor(relayUrl: string, flags: Readonly<Record<string, unknown>>, env: NodeJS.ProcessEnv) {
  const isNamed = relayName(gatewayOf(flags, { env }).url) === relayName(relayUrl);
  const own = isNamed ? env : { ...env, PIZZAPI_API_KEY: '' };
  return gatewayOf({ ...flags, relayUrl }, { env: own }).token;
}
