import { homeLayout } from '@pizzapi/process';
import { readLogins, relayName } from '@pizzapi/runner/access';
import { writePrivateJson } from './privateFile.js';

export { lastLogin, loginAt, relayName } from '@pizzapi/runner/access';

/** Stores a key in place of an earlier one. */
export function rememberLogin(home: string, url: string, apiKey: string): void {
  const logins = readLogins(home);
  logins.delete(relayName(url));
  writeLogins(home, logins.set(relayName(url), apiKey));
}

export function forgetLogin(home: string, url: string): void {
  const logins = readLogins(home);
  if (logins.delete(relayName(url))) writeLogins(home, logins);
}

function writeLogins(home: string, logins: ReadonlyMap<string, string>): void {
  const relays = Object.fromEntries([...logins].map(([url, apiKey]) => [url, { apiKey }]));
  writePrivateJson(homeLayout(home).loginFile, { relays });
}
