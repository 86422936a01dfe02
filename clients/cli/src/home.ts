import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { localToken, OPTIONS, readGatewaySecret, readOptions } from '@pizzapi/process';
import { errorInfo, isMap, stringAt, type UnknownMap } from '@pizzapi/protocol';
import { createApi, type Api, type Result } from '@pizzapi/session-client';
import { Failure, type Io } from './io.js';

/** Options of every command that looks into the home of a local run. */
export const HOME_OPTIONS = { home: OPTIONS.home };

/** Options of every command that asks a gateway. Without a named one it is the local run's. */
export const GATEWAY_OPTIONS = {
  home: OPTIONS.home,
  relayUrl: { ...OPTIONS.relayUrl, default: undefined, help: 'Address of the gateway (default: the local run)' },
  apiKey: OPTIONS.apiKey,
} as const;

export interface Login {
  user: string;
  password: string;
}

type NatsRole = 'admin' | 'runner' | 'auditor';

export interface NatsAccess {
  url: string;
  users: Record<NatsRole, Login>;
}

function credentialsFile(home: string): string {
  return join(home, 'nats', 'credentials.json');
}

/** How to reach the nats-server of a local run, or undefined when none ever ran in this home. */
export function readNatsAccess(home: string): NatsAccess | undefined {
  const file = readJson(credentialsFile(home));
  const users = file?.['users'];
  const url = file && stringAt(file, 'url');
  if (url === undefined || !isMap(users)) return undefined;
  const roles = ['admin', 'runner', 'auditor'] as const;
  const logins = roles.map((role) => [role, loginOf(users[role])] as const);
  if (logins.some(([, login]) => login === undefined)) return undefined;
  return { url, users: Object.fromEntries(logins) as Record<NatsRole, Login> };
}

/** As `readNatsAccess`; without any it fails and says what makes some. */
export function requireNatsAccess(home: string): NatsAccess {
  const access = readNatsAccess(home);
  if (access !== undefined) return access;
  const what = `${credentialsFile(home)} is not there: no local run has made it yet. Start one with \`pizzapi local\``;
  throw new Failure(errorInfo('nats_unreachable', what));
}

/** What `<home>/local.json` says of the local run: present while one runs, or after one was killed. */
export function readLocalState(home: string): { pid: number; url: string; natsUrl: string } | undefined {
  const state = readJson(join(home, 'local.json'));
  const { pid, url, natsUrl } = state ?? {};
  if (typeof pid !== 'number' || typeof url !== 'string' || typeof natsUrl !== 'string') return undefined;
  return { pid, url, natsUrl };
}

export interface Gateway {
  url: string;
  /** Undefined when there is nothing to show: the gateway will say so. */
  token: string | undefined;
  api: Api;
}

/** The gateway to talk to, and what speaks for the person there: an API key, or the local run's own secret. */
export function gatewayOf(flags: Readonly<Record<string, unknown>>, io: Io): Gateway & { home: string } {
  const { home, relayUrl, apiKey } = readOptions(GATEWAY_OPTIONS, flags, io.env);
  const local = readLocalState(home)?.url;
  const url = relayUrl ?? local ?? OPTIONS.relayUrl.default;
  const secret = url === local || isLoopback(url) ? readGatewaySecret(home) : undefined;
  const token = apiKey ?? (secret && localToken(secret));
  return { home, url, token, api: createApi({ url, ...(token === undefined ? {} : { token }) }) };
}

/** The value of an answer, or the end of the command. */
export function valueOf<T>(result: Result<T>): T {
  if (result.kind === 'failed') throw new Failure(result.error);
  return result.value;
}

/** The local secret never goes to another machine. */
export function isLoopback(url: string): boolean {
  const host = URL.canParse(url) ? new URL(url).hostname : '';
  return host === 'localhost' || host === '[::1]' || /^127(\.\d{1,3}){3}$/.test(host);
}

function loginOf(value: unknown): Login | undefined {
  const login: UnknownMap = isMap(value) ? value : {};
  const user = stringAt(login, 'user');
  const password = stringAt(login, 'password');
  return user === undefined || password === undefined ? undefined : { user, password };
}

function readJson(file: string): UnknownMap | undefined {
  try {
    const value: unknown = JSON.parse(readFileSync(file, 'utf8'));
    return isMap(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
