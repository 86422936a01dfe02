import { errorInfo, formatBytes, versionsApartText, type ErrorInfo, type SpokenVersion } from '@pizzapi/protocol';

/** Codes of the warnings that a runner raises and clears by itself. */
type WatchedWarning = 'disk_low' | 'clock_off' | 'version_old' | 'spool_waiting' | 'keys_missing';

/** Free space below which the disk is nearly full: both an amount and a part of the disk, in bytes. */
const LOW_BYTES = 5 * 1024 ** 3;
const LOW_PART = 0.05;
/** Free space that is low on a disk of any size, in bytes. */
const VERY_LOW_BYTES = 512 * 1024 ** 2;
/** A warning is cleared when there is so much more. */
const CLEARED_AT = 1.2;
/** How far the clock of the host may be from that of the relay, in ms. */
const CLOCK_MS = 2_000;

/** What a runner sees of its host. A part that is missing could not be read: its warning stays as it is. */
export interface HostFacts {
  disk?: { free: number; total: number } | undefined;
  /** How far the clock of the host is ahead of that of the relay, and how exact this is, in ms. */
  clock?: { aheadMs: number; exactMs: number } | undefined;
  versions?: { host: SpokenVersion; relay: SpokenVersion } | undefined;
  /** Sessions whose events have waited on the disk since the look before. */
  spooled?: number | undefined;
  /** Whether the host has a key for any model beside the demo. */
  hasKeys?: boolean | undefined;
}

export type WarningChange = { kind: 'raised'; warning: ErrorInfo } | { kind: 'cleared'; code: WatchedWarning };

/** Which warnings are to be raised and cleared, given those that are raised. Pure. */
export function warningChanges(facts: HostFacts, raised: ReadonlySet<string>): WarningChange[] {
  const judged: [WatchedWarning, ErrorInfo | false | undefined][] = [
    ['disk_low', facts.disk && diskWarning(facts.disk, raised.has('disk_low'))],
    ['clock_off', facts.clock && clockWarning(facts.clock)],
    ['version_old', facts.versions && versionWarning(facts.versions)],
    ['spool_waiting', facts.spooled === undefined ? undefined : spoolWarning(facts.spooled)],
    [
      'keys_missing',
      facts.hasKeys === undefined
        ? undefined
        : !facts.hasKeys && errorInfo('keys_missing', 'The host has no key of a model'),
    ],
  ];
  return judged.flatMap(([code, warning]): WarningChange[] => {
    if (warning === undefined) return [];
    if (warning === false) return raised.has(code) ? [{ kind: 'cleared', code }] : [];
    return raised.has(code) ? [] : [{ kind: 'raised', warning }];
  });
}

function diskWarning({ free, total }: { free: number; total: number }, isRaised: boolean): ErrorInfo | false {
  const low = Math.max(VERY_LOW_BYTES, Math.min(LOW_BYTES, LOW_PART * total)) * (isRaised ? CLEARED_AT : 1);
  return (
    free < low && errorInfo('disk_low', `The disk of the host has ${formatBytes(free)} left of ${formatBytes(total)}`)
  );
}

function clockWarning({ aheadMs, exactMs }: { aheadMs: number; exactMs: number }): ErrorInfo | false | undefined {
  const off = Math.abs(aheadMs);
  // A slow answer says little of the clock.
  if (off <= CLOCK_MS + exactMs) return off <= CLOCK_MS ? false : undefined;
  const way = aheadMs > 0 ? 'ahead of' : 'behind';
  return errorInfo('clock_off', `The clock of the host is ${(off / 1_000).toFixed(1)} s ${way} that of the relay`);
}

function versionWarning({ host, relay }: { host: SpokenVersion; relay: SpokenVersion }): ErrorInfo | false {
  const apart = versionsApartText(host, relay, undefined);
  return apart !== undefined && errorInfo('version_old', apart.text);
}

function spoolWarning(spooled: number): ErrorInfo | false {
  const what = `Events of ${spooled} ${spooled === 1 ? 'session wait' : 'sessions wait'} on the disk of the host`;
  return spooled > 0 && errorInfo('spool_waiting', what);
}
