import { statfs } from 'node:fs/promises';
import { relayVersion, type Backbone } from '@pizzapi/backbone';
import { packageVersion, sleep, type Logger } from '@pizzapi/process';
import { spokenVersion } from '@pizzapi/protocol';
import type { RunnerHome } from '../home.js';
import { hasSpool } from './directLogWriter.js';
import type { SessionHosts } from './hosts.js';
import type { ModelCatalog } from './models.js';
import type { RunnerEventPublisher } from './runnerEventPublisher.js';
import { warningChanges, type HostFacts } from './warnings.js';

const VERSION = packageVersion(import.meta.url);
/** The time to the first look, which lets the start settle, and between two looks, in ms. */
const FIRST_MS = 30_000;
const EVERY_MS = 60_000;
/** The model that needs no key. */
const DEMO = 'demo/';

export interface WarningWatchDeps {
  backbone: Backbone;
  runnerId: string;
  home: RunnerHome;
  hosts: Pick<SessionHosts, 'all'>;
  models: Pick<ModelCatalog, 'current'>;
  publisher: Pick<RunnerEventPublisher, 'publish'>;
  log: Pick<Logger, 'warn'>;
}

/** Raises and clears the warnings of a runner, until the signal aborts. */
export async function watchWarnings(deps: WarningWatchDeps, signal: AbortSignal): Promise<void> {
  const raised = new Set<string>();
  let spooledBefore = new Set<string>();
  await sleep(FIRST_MS, signal);
  while (!signal.aborted) {
    const spooled = new Set(deps.hosts.all.map(({ sid }) => sid).filter((sid) => hasSpool(deps.home, sid)));
    const waiting = [...spooled].filter((sid) => spooledBefore.has(sid)).length;
    spooledBefore = spooled;
    const facts = { ...(await lookAround(deps)), spooled: waiting };
    if (signal.aborted) return;
    for (const change of warningChanges(facts, raised)) {
      if (change.kind === 'cleared') raised.delete(change.code);
      else raised.add(change.warning.code);
      deps.publisher.publish(
        change.kind === 'cleared'
          ? { type: 'runner_warning_cleared', code: change.code }
          : { type: 'runner_warning', ...change.warning },
      );
    }
    await sleep(EVERY_MS, signal);
  }
}

async function lookAround({ backbone, runnerId, home, models, log }: WarningWatchDeps): Promise<HostFacts> {
  const began = Date.now();
  const [disk, relay] = await Promise.all([
    statfs(home.root).then(
      ({ bavail, blocks, bsize }) => ({ free: bavail * bsize, total: blocks * bsize }),
      (error: unknown) => void log.warn({ err: error }, 'the disk could not be looked at'),
    ),
    // Without an answer, these warnings stay as they are.
    backbone.status() === 'connected' ? relayVersion(backbone, runnerId).catch(() => undefined) : undefined,
  ]);
  const ended = Date.now();
  const at = relay?.at;
  return {
    ...(disk === undefined ? {} : { disk }),
    ...(relay === undefined || relay.version === '' ? {} : { versions: { host: spokenVersion(VERSION), relay } }),
    ...(at === undefined ? {} : { clock: { aheadMs: (began + ended) / 2 - at, exactMs: (ended - began) / 2 } }),
    hasKeys: models.current.models.some(({ model, available }) => available && !model.startsWith(DEMO)),
  };
}
