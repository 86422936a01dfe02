import { serveRpc, type Backbone } from '@pizzapi/backbone';
import { CodedError, decode, encode, isMap, stringAt, subjects, type RunnerLoad } from '@pizzapi/protocol';
import { completeFolder } from './folders.js';
import type { SessionHosts } from './hosts.js';
import type { ModelCatalog } from './models.js';

export interface RunnerRpcOptions {
  backbone: Backbone;
  runnerId: string;
  facts: () => { name: string; version: string; piVersion: string; startedAt: number; maxSessions: number };
  roots: readonly string[];
  hosts: SessionHosts;
  models: ModelCatalog;
  load: () => Promise<RunnerLoad>;
}

/**
 * Answers what is asked of the runner itself: `status` with its sessions and `load`, `folders { path }` with `{ folders }` that
 * complete a path inside the roots, `models` with `{ models, defaultModel }`, also those without a key.
 */
export function serveRunner({ backbone, runnerId, facts, roots, hosts, models, load }: RunnerRpcOptions): () => void {
  const stops = [
    serveRpc(backbone, subjects.runnerRpc(runnerId, 'status'), async () => {
      const sessions = hosts.all.map((host) => host.status);
      return encode({ runnerId, ...facts(), roots, pid: process.pid, sessions, load: await load() });
    }),
    serveRpc(backbone, subjects.runnerRpc(runnerId, 'folders'), async (body) =>
      encode({ folders: await completeFolder(pathIn(body), roots) }),
    ),
    serveRpc(backbone, subjects.runnerRpc(runnerId, 'models'), async () => {
      // Without an answer of pi, the last one.
      await models.refresh().catch(() => false);
      const { models: list, defaultModel } = models.current;
      return encode({ models: list, defaultModel });
    }),
  ];
  return () => {
    for (const stop of stops) stop();
  };
}

function pathIn(body: Uint8Array): string {
  try {
    const asked = decode(body);
    return isMap(asked) ? (stringAt(asked, 'path') ?? '') : '';
  } catch (error) {
    if (error instanceof CodedError) return '';
    throw error;
  }
}
