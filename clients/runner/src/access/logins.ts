import { homeLayout } from '@pizzapi/process';
import { isMap, stringAt } from '@pizzapi/protocol';
import { readJsonMap } from './jsonFile.js';

/** An address as the file knows it: with http for ws, without a slash at its end, the host in lower case. */
export function relayName(url: string): string {
  if (!URL.canParse(url)) return url;
  const { protocol, host, pathname } = new URL(url);
  return `${protocol.replace(/^ws/, 'http')}//${host}${pathname.replace(/\/+$/, '')}`;
}

/** Returns the key for a gateway, or undefined without a login there. */
export function loginAt(home: string, url: string): string | undefined {
  return readLogins(home).get(relayName(url));
}

/** Returns the gateway of the latest login. */
export function lastLogin(home: string): string | undefined {
  return [...readLogins(home).keys()].at(-1);
}

/** Returns the keys of all gateways, in the order of the sign-ins. */
export function readLogins(home: string): Map<string, string> {
  const relays = readJsonMap(homeLayout(home).loginFile)?.['relays'];
  const entries = Object.entries(isMap(relays) ? relays : {}).map(
    ([url, login]) => [url, isMap(login) ? stringAt(login, 'apiKey') : undefined] as const,
  );
  return new Map(entries.filter((entry): entry is [string, string] => entry[1] !== undefined));
}
