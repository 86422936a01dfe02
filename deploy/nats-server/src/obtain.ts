import { CodedError } from '@pizzapi/protocol';
import { processContext, reasonOf } from './source.js';
import type { InstallContext, InstallPlan, Obtained, Source } from './source.js';
import { aptSource } from './sources/apt.js';
import { goSource } from './sources/go.js';
import { cacheSource, pathSource } from './sources/local.js';
import { releaseSource } from './sources/release.js';
import { envVariableSource } from './sources/envVariable.js';
import { MINIMUM_VERSION } from './version.js';

/** A source that gave no nats-server, and the reason. */
export interface FailedSource {
  source: string;
  why: string;
}

export type NatsServerSearch =
  { kind: 'found'; binary: string; version: string; source: string } | { kind: 'not_found'; failed: FailedSource[] };

/** Returns all sources in the order of the search. */
export function natsServerSources(context: InstallContext): Source[] {
  return [envVariableSource, pathSource, cacheSource, releaseSource, aptSource, goSource].map((source) =>
    source(context),
  );
}

/** Returns what each source would do. The search uses the first `ready` source, or the first `fetch` that succeeds. */
export async function planNatsServer(context: InstallContext): Promise<{ source: string; plan: InstallPlan }[]> {
  return Promise.all(
    natsServerSources(context).map(async (source) => ({ source: source.name, plan: await source.check() })),
  );
}

/** Tries one source after the other until one gives a nats-server ≥ 2.11. Two processes may search at the same time. */
export async function obtainNatsServer(
  context: InstallContext = processContext(),
  sources: Source[] = natsServerSources(context),
): Promise<NatsServerSearch> {
  const failed: FailedSource[] = [];
  for (const source of sources) {
    const obtained = await attempt(source);
    if (obtained.kind === 'found') return { ...obtained, source: source.name };
    failed.push({ source: source.name, why: obtained.why });
    if (obtained.final === true) break;
  }
  return { kind: 'not_found', failed };
}

/** Like `obtainNatsServer`, but throws `nats_server_not_found` with the list of failed sources. */
export async function requireNatsServer(
  context: InstallContext = processContext(),
  sources?: Source[],
): Promise<{ binary: string; version: string; source: string }> {
  const search = await obtainNatsServer(context, sources);
  if (search.kind === 'not_found') throw new CodedError('nats_server_not_found', describeFailedSources(search.failed));
  return search;
}

/** Returns a text with one line for each failed source. */
export function describeFailedSources(failed: FailedSource[]): string {
  const lines = failed.map(({ source, why }) => `  - ${source}: ${why}`);
  return `Found no nats-server ${MINIMUM_VERSION} or newer. These sources failed:\n${lines.join('\n')}\nNo other source is left`;
}

async function attempt(source: Source): Promise<Obtained> {
  try {
    return await source.obtain();
  } catch (thrown) {
    return { kind: 'failed', why: reasonOf(thrown) };
  }
}
