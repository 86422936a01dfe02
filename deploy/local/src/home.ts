import { generateCredentials, isCredentials } from '@pizzapi/authenticator';
import {
  homeLayout,
  parseLocalState,
  readPrivateFile,
  tokenKind,
  writePrivateJson,
  type HomeLayout,
  type LocalState,
  type NatsAccess,
  type NatsCredentials,
} from '@pizzapi/process';
import { CodedError } from '@pizzapi/protocol';
import { access, chmod, constants, mkdir, rm } from 'node:fs/promises';

export type { LocalState, NatsAccess } from '@pizzapi/process';

/** The folder with all state of a local run. Only its owner can read it. */
export type Home = HomeLayout;

/** The part of `NatsAccess` that an earlier run stored. */
export interface KnownAccess {
  users: NatsCredentials;
  runnerToken: string | undefined;
  /** 0 = any. */
  port: number;
}

/** Makes the folders of a home. Throws `home_unusable` when they cannot be made or are not ours to write to. */
export async function openHome(root: string): Promise<Home> {
  const home = homeLayout(root);
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
  const known = (await readPrivateFile(home.natsAccessFile)) as Partial<NatsAccess> | undefined;
  const users = isCredentials(known?.users) ? known.users : generateCredentials();
  const port = typeof known?.url === 'string' && URL.canParse(known.url) ? Number(new URL(known.url).port) : 0;
  const kept = known?.runnerToken;
  const runnerToken = typeof kept === 'string' && tokenKind(kept) === 'runner' ? kept : undefined;
  return { users, runnerToken, port };
}

export async function writeNatsAccess(home: Home, access: NatsAccess): Promise<void> {
  await writePrivateJson(home.natsAccessFile, access);
}

/** Returns the current run of this home, or undefined when its gateway does not respond. */
export async function runningLocal(home: Home): Promise<LocalState | undefined> {
  const state = parseLocalState(await readPrivateFile(home.localStateFile));
  return state !== undefined && (await isAlive(state.url)) ? state : undefined;
}

export async function writeLocalState(home: Home, state: LocalState): Promise<void> {
  await writePrivateJson(home.localStateFile, state);
}

export async function clearLocalState(home: Home): Promise<void> {
  await rm(home.localStateFile, { force: true });
}

async function isAlive(url: string): Promise<boolean> {
  try {
    return (await fetch(`${url}/livez`, { signal: AbortSignal.timeout(2_000) })).ok;
  } catch {
    return false;
  }
}
