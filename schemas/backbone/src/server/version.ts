import { compareSemver, parseSemverTriplet } from '@pizzapi/protocol';
import { run } from './run.js';

/** The oldest nats-server PizzaPi works with: batched direct get, per-message TTL and delete markers came with it. */
export const MINIMUM_VERSION = '2.11.0';

/** The release that is fetched when none is at hand: the one PizzaPi is developed on. */
export const RELEASE_VERSION = '2.15.1';

const VERSION_TIMEOUT_MS = 10_000;

/** What a file that is called nats-server turned out to be. */
export type Inspection =
  { kind: 'usable'; version: string } | { kind: 'too_old'; version: string } | { kind: 'broken'; why: string };

/** Whether a version (`2.11.0`, `v2.11.0`) is new enough. */
export function isNewEnough(version: string): boolean {
  return parseSemverTriplet(version) !== null && compareSemver(version, MINIMUM_VERSION) >= 0;
}

/** Runs `<binary> -v` and reads its answer, `nats-server: v2.15.1`. */
export async function inspect(binary: string): Promise<Inspection> {
  const result = await run(binary, ['-v'], { timeoutMs: VERSION_TIMEOUT_MS });
  if (result.kind === 'not_started') return { kind: 'broken', why: `${binary} does not run (${result.why})` };
  if (result.kind === 'timed_out') return { kind: 'broken', why: `${binary} -v did not answer` };
  const version = /nats-server:?\s+(?:version\s+)?v?(\d+\.\d+\.\d+\S*)/.exec(result.output)?.[1];
  if (version === undefined) return { kind: 'broken', why: `${binary} -v does not answer like a nats-server` };
  return { kind: isNewEnough(version) ? 'usable' : 'too_old', version };
}

/** Why an inspected binary is not used. */
export function complaint(binary: string, inspection: Exclude<Inspection, { kind: 'usable' }>): string {
  return inspection.kind === 'broken'
    ? inspection.why
    : `${binary} is ${inspection.version}, older than ${MINIMUM_VERSION}`;
}
