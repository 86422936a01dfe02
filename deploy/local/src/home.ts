import { generateCredentials, isCredentials, type NatsCredentials } from '@pizzapi/authenticator';
import { tokenKind } from '@pizzapi/process';
import { CodedError } from '@pizzapi/protocol';
import { access, chmod, constants, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** The folder that holds all state of a local run. Only its owner can read it. */
export interface Home {
  root: string;
  /** JetStream's store. */
  nats: string;
  /** One log file for each process. */
  logs: string;
  /** File with `{ url, users, runnerToken }`: the address of nats-server and the credentials. Mode 0600. */
  credentialsFile: string;
  /** File with `{ pid, url, pageUrl, natsUrl }` of the current run. */
  stateFile: string;
}

/** Content of `credentials.json`. */
export interface NatsAccess {
  url: string;
  users: NatsCredentials;
  /** Token of this machine's runner, and of any other runner that starts here without its own token. */
  runnerToken: string;
}

/** The part of `NatsAccess` that an earlier run stored. */
export interface KnownAccess {
  users: NatsCredentials;
  runnerToken: string | undefined;
  /** 0 = any. */
  port: number;
}

/** Content of `local.json`. */
export interface LocalState {
  pid: number;
  /** Address of the gateway for programs. */
  url: string;
  /** Address of the page for browsers. */
  pageUrl: string;
  natsUrl: string;
}

/** Creates the folders of a home. Throws `home_unusable` when they cannot be created or written. */
export async function openHome(root: string): Promise<Home> {
  const home: Home = {
    root,
    nats: join(root, 'nats'),
    logs: join(root, 'logs'),
    credentialsFile: join(root, 'nats', 'credentials.json'),
    stateFile: join(root, 'local.json'),
  };
  for (const folder of [home.root, home.nats, home.logs]) {
    try {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      await chmod(folder, 0o700);
      await access(folder, constants.W_OK);
    } catch (cause) {
      const { code = 'unknown error' } = cause as NodeJS.ErrnoException;
      throw new CodedError('home_unusable', `Cannot write to the folder ${folder} (${code})`, { cause });
    }
  }
  return home;
}

/**
 * Returns the credentials of this home, and the last port of its server, so that the address stays the same. Generates new
 * credentials on the first run, and when an earlier version stored another kind. The event logs do not depend on them.
 */
export async function readNatsAccess(home: Home): Promise<KnownAccess> {
  const known = (await readJson(home.credentialsFile)) as Partial<NatsAccess> | undefined;
  const users = isCredentials(known?.users) ? known.users : generateCredentials();
  const port = typeof known?.url === 'string' && URL.canParse(known.url) ? Number(new URL(known.url).port) : 0;
  const kept = known?.runnerToken;
  const runnerToken = typeof kept === 'string' && tokenKind(kept) === 'runner' ? kept : undefined;
  return { users, runnerToken, port };
}

export async function writeNatsAccess(home: Home, access: NatsAccess): Promise<void> {
  await writeSecret(home.credentialsFile, access);
}

/** Returns the current run of this home, or undefined when its gateway does not respond. */
export async function runningLocal(home: Home): Promise<LocalState | undefined> {
  const state = (await readJson(home.stateFile)) as Partial<LocalState> | undefined;
  const { pid, url, natsUrl, pageUrl = url } = state ?? {};
  if (typeof pid !== 'number' || typeof url !== 'string' || typeof natsUrl !== 'string') return undefined;
  return (await isAlive(url)) ? { pid, url, pageUrl: String(pageUrl), natsUrl } : undefined;
}

export async function writeLocalState(home: Home, state: LocalState): Promise<void> {
  await writeSecret(home.stateFile, state);
}

export async function clearLocalState(home: Home): Promise<void> {
  await rm(home.stateFile, { force: true });
}

async function isAlive(url: string): Promise<boolean> {
  try {
    return (await fetch(`${url}/livez`, { signal: AbortSignal.timeout(2_000) })).ok;
  } catch {
    return false;
  }
}

async function readJson(file: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as unknown;
  } catch {
    return undefined;
  }
}

/** Writes the file atomically: a reader never sees an incomplete file. */
async function writeSecret(file: string, value: object): Promise<void> {
  const temporary = `${file}.${process.pid}`;
  await writeFile(temporary, `${JSON.stringify(value, null, 2)}\n`, { mode: 0o600 });
  await rename(temporary, file);
}
