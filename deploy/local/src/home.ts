import { generateCredentials, isCredentials, type NatsCredentials } from '@pizzapi/authenticator';
import { tokenKind } from '@pizzapi/process';
import { CodedError } from '@pizzapi/protocol';
import { access, chmod, constants, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** The folder that holds all state of a local run. Only its owner may look into it. */
export interface Home {
  root: string;
  /** JetStream's store. */
  nats: string;
  /** A log file a process. */
  logs: string;
  /** `{ url, users, runnerToken }`: how to reach nats-server, and as whom. 0600. */
  credentialsFile: string;
  /** `{ pid, url, pageUrl, natsUrl }` of the run that uses this home now. */
  stateFile: string;
}

/** What `credentials.json` holds. */
export interface NatsAccess {
  url: string;
  users: NatsCredentials;
  /** What the runner of this machine shows, and any other that is started here without a token of its own. */
  runnerToken: string;
}

/** What an earlier run has left of it. */
export interface KnownAccess {
  users: NatsCredentials;
  runnerToken: string | undefined;
  /** 0 = any. */
  port: number;
}

/** What `local.json` holds. */
export interface LocalState {
  pid: number;
  /** Where programs reach the gateway. */
  url: string;
  /** Where people open its page. */
  pageUrl: string;
  natsUrl: string;
}

/** Makes the folders of a home. Throws `home_unusable` when they cannot be made or are not ours to write to. */
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
      const { code = 'it cannot be used' } = cause as NodeJS.ErrnoException;
      throw new CodedError('home_unusable', `The folder ${folder} cannot be written to (${code})`, { cause });
    }
  }
  return home;
}

/**
 * The credentials of this home, and the port its server had, so that links to it stay good. They are made on the first
 * run, and again where an earlier version has left some of another kind: the logs do not depend on them.
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

/** The run that uses this home now, if its process still lives. */
export async function runningLocal(home: Home): Promise<LocalState | undefined> {
  const state = (await readJson(home.stateFile)) as Partial<LocalState> | undefined;
  const { pid, url, natsUrl, pageUrl = url } = state ?? {};
  if (typeof pid !== 'number' || typeof url !== 'string' || typeof natsUrl !== 'string') return undefined;
  return (await answers(url)) ? { pid, url, pageUrl: String(pageUrl), natsUrl } : undefined;
}

export async function writeLocalState(home: Home, state: LocalState): Promise<void> {
  await writeSecret(home.stateFile, state);
}

export async function clearLocalState(home: Home): Promise<void> {
  await rm(home.stateFile, { force: true });
}

async function answers(url: string): Promise<boolean> {
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

/** Whole or not at all: a reader never sees half a file. */
async function writeSecret(file: string, value: object): Promise<void> {
  const temporary = `${file}.${process.pid}`;
  await writeFile(temporary, `${JSON.stringify(value, null, 2)}\n`, { mode: 0o600 });
  await rename(temporary, file);
}
