import { roundTrip, type Backbone } from '@pizzapi/backbone';
import { modelInfoOf, type RunnerLoad } from '@pizzapi/protocol';
import { completeFolder } from '../folders.js';
import type { SessionHosts } from '../hosts.js';
import type { LogTail } from '../logTail.js';
import type { ModelCatalog } from '../models.js';
import type { RunnerHandlers } from './dispatcher.js';

/** How long nats-server may take to answer a ping, in ms. */
const PING_MS = 3_000;

export interface StatusDeps {
  backbone: Backbone;
  runnerId: string;
  /** `roots`: those that people chose. */
  facts: () => {
    roots: string[];
    name: string;
    version: string;
    piVersion: string;
    startedAt: number;
    maxSessions: number;
  };
  roots: readonly string[];
  hosts: Pick<SessionHosts, 'all'>;
  models: ModelCatalog;
  load: () => Promise<RunnerLoad>;
  /** The log of this process. */
  logTail: LogTail;
  /** Called when the runner is asked to end, or to start again. */
  onStop: (how: 'restart' | 'shutdown') => void;
}

/** The provider and the id of a model; its name stays that of the model. */
const partsOf = (model: string): { provider?: string; id?: string } => modelInfoOf(model) ?? {};

type StatusMethod = 'status' | 'ping' | 'list_models' | 'models' | 'folders' | 'restart' | 'shutdown' | 'read_log';

/** What a runner answers about itself. */
export function statusHandlers(deps: StatusDeps): Pick<RunnerHandlers, StatusMethod> {
  const { backbone, runnerId, facts, roots, hosts, models, load, logTail, onStop } = deps;

  const listModels = async () => {
    // Without an answer of pi, the last one.
    await models.refresh().catch(() => false);
    const { models: list, defaultModel } = models.current;
    return { models: list.map((model) => ({ ...model, ...partsOf(model.model) })), defaultModel };
  };

  return {
    status: async () => ({
      runnerId,
      ...facts(),
      pid: process.pid,
      sessions: hosts.all.map((host) => host.status),
      load: await load(),
    }),
    ping: async () => {
      const natsMs = await roundTrip(backbone, PING_MS);
      return { at: Date.now(), ...(natsMs === undefined ? {} : { natsMs }) };
    },
    list_models: listModels,
    models: listModels,
    folders: async ({ path = '' }) => ({ folders: await completeFolder(path, roots) }),
    read_log: (request, { signal }) => logTail.read(request, signal),
    restart: (_request, call) => {
      call.afterwards(() => onStop('restart'));
      return {};
    },
    shutdown: (_request, call) => {
      call.afterwards(() => onStop('shutdown'));
      return {};
    },
  };
}
