import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { readPrivateFile, writePrivateJson } from '@pizzapi/process';
import { isId, isMap, newId, stringAt } from '@pizzapi/protocol';

/** Who a runner is. The secret proves that an id is its own: the first to claim an id owns it. */
export interface RunnerIdentity {
  runnerId: string;
  runnerSecret: string;
}

/** A runner id that says which machine it is, and is nobody else's. */
export function defaultRunnerId(host: string): string {
  const readable = host
    .split('.')[0]!
    .toLowerCase()
    .replace(/[^a-z0-9-]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 40);
  return `${readable || 'runner'}_${newId().slice(0, 8)}`;
}

/** The identity kept in `path` (0600); made there the first time. */
export async function loadIdentity(path: string): Promise<RunnerIdentity> {
  const kept = await readPrivateFile(path);
  if (isMap(kept)) {
    const [runnerId, runnerSecret] = [stringAt(kept, 'runnerId'), stringAt(kept, 'runnerSecret')];
    if (isId(runnerId) && runnerSecret !== undefined) return { runnerId, runnerSecret };
  }
  const identity = { runnerId: defaultRunnerId(hostname()), runnerSecret: randomBytes(32).toString('base64url') };
  await writePrivateJson(path, identity);
  return identity;
}
