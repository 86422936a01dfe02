import type { CREDENTIALS_OPTIONS, OptionValues } from '@pizzapi/process';
import { CodedError } from '@pizzapi/protocol';
import { chmodSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  ACCOUNTS_FILE,
  accountsText,
  completeSecrets,
  newSecrets,
  nodesIn,
  partitionsIn,
  readNodes,
  ROUTES_FILE,
  routesText,
  SECRET_FILES,
  secretTexts,
  type SecretFile,
} from './credentialFiles.js';

/** What happened to a file. */
export interface FileChange {
  file: string;
  change: 'created' | 'changed' | 'kept';
}

/**
 * Writes the secrets of an installation and the accounts of its nats-server to a folder, which only its owner can enter.
 * Keeps every secret that the folder has. Throws `bad_option` when a file holds something else or other users can enter the
 * folder, and `home_unusable` when the folder cannot be read or written.
 */
export function writeCredentials(options: OptionValues<typeof CREDENTIALS_OPTIONS>): FileChange[] {
  const { folder, readable } = options;
  if (folder === undefined) throw new CodedError('bad_option', 'Name the folder');
  const named = options.nodes === undefined ? undefined : readNodes(options.nodes);
  return inFolder(folder, () => {
    makePrivate(folder);
    const stored = Object.fromEntries(
      SECRET_FILES.flatMap((file) => {
        const text = readText(join(folder, file))?.trimEnd();
        return text === undefined ? [] : [[file, text]];
      }),
    ) as Partial<Record<SecretFile, string>>;
    const secrets = completeSecrets(stored, newSecrets());
    const before = readText(join(folder, ACCOUNTS_FILE));
    const partitions = options.partitions ?? partitionsIn(before ?? '');
    const nodes = named ?? nodesIn(readText(join(folder, ROUTES_FILE)) ?? '');
    const texts: [string, string][] = [
      ...Object.entries(secretTexts(secrets)),
      [ACCOUNTS_FILE, accountsText(secrets, partitions)],
      ...(nodes.length === 0 ? [] : [[ROUTES_FILE, routesText(secrets, nodes)] satisfies [string, string]]),
    ];
    return texts.map(([file, text]) => ({ file, change: writeText(join(folder, file), text, readable) }));
  });
}

/** Makes a folder that only its owner can enter. Changes no folder that has files already: it may serve other programs. */
function makePrivate(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  if (readdirSync(folder).length === 0) chmodSync(folder, 0o700);
  else if ((statSync(folder).mode & 0o077) !== 0)
    throw new CodedError(
      'bad_option',
      `Other users can enter the folder ${folder}: run chmod 700 on it, or name another`,
    );
}

function inFolder<T>(folder: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (cause instanceof CodedError || code === undefined) throw cause;
    throw new CodedError('home_unusable', `Cannot write to the folder ${folder} (${code})`, { cause });
  }
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Replaces a file atomically when its text differs. Sets its mode in every case. */
function writeText(path: string, text: string, readable: boolean): FileChange['change'] {
  const before = readText(path);
  const mode = readable ? 0o444 : 0o600;
  if (before?.trimEnd() === text.trimEnd()) {
    chmodSync(path, mode);
    return 'kept';
  }
  const draft = `${path}.${process.pid}.tmp`;
  rmSync(draft, { force: true });
  writeFileSync(draft, text, { mode: 0o600, flag: 'wx', flush: true });
  chmodSync(draft, mode);
  renameSync(draft, path);
  return before === undefined ? 'created' : 'changed';
}
