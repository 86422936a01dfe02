import { compareSemver } from '@pizzapi/protocol';
import { access, constants, readdir } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { binaryName, cacheFolder } from '../cache.js';
import type { Context, Plan, Source } from '../source.js';
import { complaint, inspect, isNewEnough } from '../version.js';

/** `nats-server` on PATH; one that is too old is passed over, in favour of a newer one further on too. */
export function pathSource(context: Context): Source {
  const folders = (context.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  const name = binaryName(context.platform);
  return onDisk('nats-server on PATH', 'none there', () =>
    Promise.resolve(folders.map((folder) => join(folder, name))),
  );
}

/** What an earlier run put into our cache, the newest first. */
export function cacheSource(context: Context): Source {
  const folder = cacheFolder(context.env);
  const name = binaryName(context.platform);
  return onDisk('cache', `nothing in ${folder} yet`, async () => {
    const versions = await readdir(folder).catch(() => []);
    return versions
      .filter(isNewEnough)
      .sort((a, b) => compareSemver(b, a))
      .map((version) => join(folder, version, name));
  });
}

/** A source that only looks: the first usable one of some candidates, or why each was passed over. */
function onDisk(name: string, none: string, candidates: () => Promise<string[]>): Source {
  const check = async (): Promise<Plan> => {
    const passedOver: string[] = [];
    for (const binary of await candidates()) {
      if (!(await isExecutable(binary))) continue;
      const inspection = await inspect(binary);
      if (inspection.kind === 'usable') return { kind: 'ready', binary, version: inspection.version };
      passedOver.push(complaint(binary, inspection));
    }
    return { kind: 'unavailable', why: passedOver.join('; ') || none };
  };
  return {
    name,
    check,
    async obtain() {
      const plan = await check();
      if (plan.kind === 'ready') return { ...plan, kind: 'found' };
      return { kind: 'failed', why: plan.kind === 'unavailable' ? plan.why : plan.what };
    },
  };
}

function isExecutable(file: string): Promise<boolean> {
  return access(file, constants.X_OK).then(
    () => true,
    () => false,
  );
}
