import { compareSemver, parseSemverTriplet } from '@pizzapi/protocol';
import { run } from './run.js';

/** The oldest supported nats-server: this version introduced batched direct get, per-message TTL and delete markers. */
export const MINIMUM_VERSION = '2.11.0';

/** The release to download when the machine has no nats-server. */
export const RELEASE_VERSION = '2.15.1';

const VERSION_TIMEOUT_MS = 10_000;

/** The result of running a file named nats-server. */
export type Inspection =
  { kind: 'usable'; version: string } | { kind: 'too_old'; version: string } | { kind: 'broken'; why: string };

/** Returns whether a version (`2.11.0`, `v2.11.0`) is supported. */
export function isNewEnough(version: string): boolean {
  return parseSemverTriplet(version) !== null && compareSemver(version, MINIMUM_VERSION) >= 0;
}

/** Runs `<binary> -v` and parses its output, `nats-server: v2.15.1`. */
export async function inspect(binary: string): Promise<Inspection> {
  const result = await run(binary, ['-v'], { timeoutMs: VERSION_TIMEOUT_MS });
  if (result.kind === 'not_started') return { kind: 'broken', why: `${binary} cannot be executed (${result.why})` };
  if (result.kind === 'timed_out')
    return { kind: 'broken', why: `${binary} -v did not finish in ${VERSION_TIMEOUT_MS / 1000} s` };
  const version = /nats-server:?\s+(?:version\s+)?v?(\d+\.\d+\.\d+\S*)/.exec(result.output)?.[1];
  if (version === undefined) return { kind: 'broken', why: `${binary} -v did not print a version of nats-server` };
  return { kind: isNewEnough(version) ? 'usable' : 'too_old', version };
}

/** Returns the reason for not using an inspected binary. */
export function rejectionReason(binary: string, inspection: Exclude<Inspection, { kind: 'usable' }>): string {
  return inspection.kind === 'broken'
    ? inspection.why
    : `${binary} has version ${inspection.version}, older than ${MINIMUM_VERSION}`;
}
