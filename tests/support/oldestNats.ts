import { OLDEST_SERVER } from '@pizzapi/backbone';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const BUILD_TIMEOUT_MS = 10 * 60_000;

/** The oldest nats-server that the product accepts, or the reason why this machine has no such program. */
export type OldestNats = { kind: 'found'; binary: string } | { kind: 'missing'; why: string };

/**
 * Finds the oldest nats-server: `PIZZAPI_NATS_SERVER_OLDEST`, an earlier build, or a new build by an installed Go.
 * Keeps it outside of the product's own cache, because the product would use it.
 */
export async function findOldestNats(): Promise<OldestNats> {
  const named = process.env['PIZZAPI_NATS_SERVER_OLDEST'];
  if (named !== undefined) return { kind: 'found', binary: named };
  const cache = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache');
  const folder = join(cache, 'pizzapi-tests', `nats-server-${OLDEST_SERVER}`);
  const binary = join(folder, 'nats-server');
  if (existsSync(binary)) return { kind: 'found', binary };
  await mkdir(folder, { recursive: true });
  try {
    await run('go', ['install', `github.com/nats-io/nats-server/v2@v${OLDEST_SERVER}`], {
      // Makes the modules writable, so that a cache in a temporary home can be removed.
      env: { ...process.env, GOBIN: folder, GOFLAGS: '-modcacherw' },
      timeout: BUILD_TIMEOUT_MS,
    });
    return { kind: 'found', binary };
  } catch (error) {
    return { kind: 'missing', why: error instanceof Error ? error.message.split('\n')[0]! : String(error) };
  }
}
