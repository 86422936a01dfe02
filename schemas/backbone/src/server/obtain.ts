import { CodedError } from '@pizzapi/protocol';
import { processContext, reasonOf } from './source.js';
import type { Context, Obtained, Plan, Source } from './source.js';
import { aptSource } from './sources/apt.js';
import { goSource } from './sources/go.js';
import { cacheSource, pathSource } from './sources/local.js';
import { releaseSource } from './sources/release.js';
import { variableSource } from './sources/variable.js';
import { MINIMUM_VERSION } from './version.js';

/** A source that was asked in vain. */
export interface Tried {
  source: string;
  why: string;
}

export type NatsServerSearch =
  { kind: 'found'; binary: string; version: string; source: string } | { kind: 'not_found'; tried: Tried[] };

/** Every source, in the order they are asked. */
export function natsServerSources(context: Context): Source[] {
  return [variableSource, pathSource, cacheSource, releaseSource, aptSource, goSource].map((source) => source(context));
}

/** What each source would do, without doing it. The first that is `ready` or a `fetch` that succeeds is used. */
export async function planNatsServer(context: Context): Promise<{ source: string; plan: Plan }[]> {
  return Promise.all(
    natsServerSources(context).map(async (source) => ({ source: source.name, plan: await source.check() })),
  );
}

/** Asks one source after the other for a nats-server ≥ 2.11. Two processes may do so at once. */
export async function obtainNatsServer(
  context: Context = processContext(),
  sources: Source[] = natsServerSources(context),
): Promise<NatsServerSearch> {
  const tried: Tried[] = [];
  for (const source of sources) {
    const obtained = await attempt(source);
    if (obtained.kind === 'found') return { ...obtained, source: source.name };
    tried.push({ source: source.name, why: obtained.why });
    if (obtained.final === true) break;
  }
  return { kind: 'not_found', tried };
}

/** As `obtainNatsServer`. Throws `nats_server_not_found`, with all that was tried, when there is none to be had. */
export async function requireNatsServer(
  context: Context = processContext(),
  sources?: Source[],
): Promise<{ binary: string; version: string; source: string }> {
  const search = await obtainNatsServer(context, sources);
  if (search.kind === 'not_found') throw new CodedError('nats_server_not_found', describeTried(search.tried));
  return search;
}

/** What was tried and why each came to nothing, a line each. */
export function describeTried(tried: Tried[]): string {
  const lines = tried.map(({ source, why }) => `  - ${source}: ${why}`);
  return `No nats-server ${MINIMUM_VERSION} or newer is to be had. Tried:\n${lines.join('\n')}\nNone of these gave one`;
}

async function attempt(source: Source): Promise<Obtained> {
  try {
    return await source.obtain();
  } catch (thrown) {
    return { kind: 'failed', why: reasonOf(thrown) };
  }
}
