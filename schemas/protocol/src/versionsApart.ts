import { shellWord } from './shellWord.js';
import { compareSemver, SOCKET_PROTOCOL_VERSION } from './version.js';

/** What a program says of itself: its version, and the version of the wire that it speaks. */
export interface SpokenVersion {
  version: string;
  /** Missing: 1, which all programs speak that do not say it. */
  wire?: number | undefined;
}

/** What this program speaks. */
export const spokenVersion = (version: string): Required<SpokenVersion> => ({ version, wire: SOCKET_PROTOCOL_VERSION });

/**
 * How a host stands to its relay. They work together when both speak the same version of the wire, whatever their own
 * versions are.
 */
export type VersionsApart = { kind: 'same' } | { kind: 'older' | 'newer'; works: boolean };

/** Compares a host with its relay. A host of the same wire and an unknown version is `same`. */
export function compareVersions(host: SpokenVersion, relay: SpokenVersion): VersionsApart {
  const wires = (host.wire ?? 1) - (relay.wire ?? 1);
  if (wires !== 0) return { kind: wires < 0 ? 'older' : 'newer', works: false };
  const versions = compareSemver(host.version, relay.version);
  return versions === 0 ? { kind: 'same' } : { kind: versions < 0 ? 'older' : 'newer', works: true };
}

/** The line that installs a host, and updates it. */
export const installLine = (relayUrl: string): string => `curl -fsSL ${shellWord(`${relayUrl}/install.sh`)} | sh`;

/**
 * Says in one sentence how a host and its relay differ, and in another what to do; undefined when they do not. `relayUrl`:
 * the address of the relay, where it is known.
 */
export function versionsApartText(
  host: SpokenVersion,
  relay: SpokenVersion,
  relayUrl: string | undefined,
): { text: string; todo: string; works: boolean } | undefined {
  const apart = compareVersions(host, relay);
  if (apart.kind === 'same') return undefined;
  const { kind, works } = apart;
  const wires = works ? '' : `, and they speak different wires (${host.wire ?? 1} and ${relay.wire ?? 1})`;
  const text = `The host has PizzaPi ${host.version}, ${kind} than ${relay.version} of its relay${wires}`;
  const line = installLine(relayUrl ?? 'https://<relay>').replaceAll(/'(https:\/\/<relay>[^']*)'/g, '$1');
  // A newer host is brought to the version of its relay by the same line.
  const todo =
    kind === 'older' ? `Update the host: ${line}` : `Update the relay, or bring the host to its version: ${line}`;
  return { text, todo, works };
}
