import { compareSemver } from '@pizzapi/protocol';
import { access, constants, readdir } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { binaryName, cacheFolder } from '../cache.js';
import type { InstallContext, InstallPlan, Source } from '../source.js';
import { inspect, isNewEnough, rejectionReason } from '../version.js';

/** Uses the first supported `nats-server` on PATH; skips one that is too old. */
export function pathSource(context: InstallContext): Source {
  const folders = (context.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  const name = binaryName(context.platform);
  return onDisk('nats-server on PATH', 'no such program', () =>
    Promise.resolve(folders.map((folder) => join(folder, name))),
  );
}

/** Uses the newest binary that an earlier run stored in the cache. */
export function cacheSource(context: InstallContext): Source {
  const folder = cacheFolder(context.env);
  const name = binaryName(context.platform);
  return onDisk('cache', `${folder} holds no nats-server`, async () => {
    const versions = await readdir(folder).catch(() => []);
    return versions
      .filter(isNewEnough)
      .sort((a, b) => compareSemver(b, a))
      .map((version) => join(folder, version, name));
  });
}

/** A source without downloads: the first usable candidate, or the reasons for skipping each. */
function onDisk(name: string, reasonWithoutCandidate: string, candidates: () => Promise<string[]>): Source {
  const check = async (): Promise<InstallPlan> => {
    const skipped: string[] = [];
    for (const binary of await candidates()) {
      if (!(await isExecutable(binary))) continue;
      const inspection = await inspect(binary);
      if (inspection.kind === 'usable') return { kind: 'ready', binary, version: inspection.version };
      skipped.push(rejectionReason(binary, inspection));
    }
    return { kind: 'unavailable', why: skipped.join('; ') || reasonWithoutCandidate };
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
