import { RUNNER_OPTIONS } from '@pizzapi/runner/options';

/** A program that the service manager of a person's account keeps running. */
export interface ServiceSpec {
  /** The program and its arguments. */
  command: readonly [program: string, ...args: string[]];
  /** Its whole environment, apart from what the service manager sets. */
  env: Readonly<Record<string, string>>;
  /** The folder that it starts in. */
  folder: string;
}

/** Variables that a runner and its sessions need to be as in a terminal of the person. */
const OF_THE_PERSON = ['PATH', 'HOME', 'LANG', 'LC_ALL', 'SHELL', 'PIZZAPI_CA', 'NODE_EXTRA_CA_CERTS'];
const PROXIES = ['HTTPS_PROXY', 'HTTP_PROXY', 'ALL_PROXY', 'NO_PROXY'];

/** The names of the variables that a unit keeps, when they are set. Options that are secrets are not among them. */
export const KEPT_VARIABLES: readonly string[] = [
  ...new Set([
    ...OF_THE_PERSON,
    ...PROXIES.flatMap((name) => [name, name.toLowerCase()]),
    ...Object.values(RUNNER_OPTIONS).flatMap(({ env, type }) => (type === 'token' ? [] : [env])),
  ]),
].sort();

export interface KeptEnvironment {
  env: Record<string, string>;
  /** Variables that are left out because they hold a password. */
  secret: string[];
}

/** Returns what of an environment a unit keeps. A unit never has a secret: addresses with a password are left out. */
export function keptEnvironment(env: NodeJS.ProcessEnv): KeptEnvironment {
  const set = KEPT_VARIABLES.flatMap((name) => {
    const value = env[name];
    return value === undefined || value === '' ? [] : [[name, value] as const];
  });
  const secret = set.filter(([, value]) => hasPassword(value)).map(([name]) => name);
  return { env: Object.fromEntries(set.filter(([name]) => !secret.includes(name))), secret };
}

/** Whether a text is an address with a name or password before its host, or a list with one. */
const hasPassword = (text: string): boolean =>
  /(^|[\s,;])([a-z][a-z0-9+.-]*:\/\/)?[^\s,;/@]*:[^\s,;/@]*@/i.test(text) || /:\/\/[^\s,;/]*@/.test(text);
