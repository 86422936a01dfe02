/** The version of the frames (`hello.protocol`) and subprotocols (`pizzapi.v1.*`). */
export const SOCKET_PROTOCOL_VERSION = 1;

/** WebSocket subprotocols, in order of preference. */
export const SUBPROTOCOL = { msgpack: 'pizzapi.v1.msgpack', json: 'pizzapi.v1.json' } as const;

/** Prefix of the subprotocol that carries a credential, for clients that cannot set a header. */
export const BEARER_PREFIX = 'bearer.';

/**
 * How a program of PizzaPi says that a person uses it at a terminal: as a header, or in the address of a WebSocket. It names
 * the way of a message, and gives no right.
 */
export const CLIENT = { header: 'pizzapi-client', query: 'client', terminal: 'terminal' } as const;

/**
 * How a person who is signed in shows the token of a share link beside the own credential: in a header, or as a
 * subprotocol of a WebSocket. The person is the guest of the link, under the name of the account.
 */
export const SHARE_TOKEN = { header: 'pizzapi-share', prefix: 'share.' } as const;

/** The token that a page sends with its cookie: in a header, or in a subprotocol with this prefix. */
export const PAGE_TOKEN = { header: 'pizzapi-page-token', prefix: 'page.' } as const;

/** Major, minor, patch. */
export type SemverTriplet = [major: number, minor: number, patch: number];

/**
 * Parses `1.2.3`, ` v1.2 `, `V1`, `1.2.3-rc.1+build`: trims the text, removes a leading v or V, and cuts it at the
 * first `-` or `+`. One to three parts of digits must remain; missing parts are 0. Returns null for anything else.
 */
export function parseSemverTriplet(version: unknown): SemverTriplet | null {
  if (typeof version !== 'string') return null;
  const core = version.trim().replace(/^[vV]/, '').split(/[-+]/, 1)[0]!;
  const parts = core.split('.');
  if (parts.length > 3 || !parts.every((part) => /^\d+$/.test(part))) return null;
  const [major = 0, minor = 0, patch = 0] = parts.map(Number);
  return [major, minor, patch];
}

/**
 * Returns a negative number, 0 or a positive number when `a` is older than, equal to or newer than `b`. Ignores
 * pre-releases; an invalid version compares as 0.
 */
export function compareSemver(a: unknown, b: unknown): number {
  const left = parseSemverTriplet(a);
  const right = parseSemverTriplet(b);
  if (left === null || right === null) return 0;
  return left[0] - right[0] || left[1] - right[1] || left[2] - right[2];
}

/**
 * Returns whether the protocol version of the other side is compatible with ours. A missing or invalid version is
 * compatible; an integer must equal ours.
 */
export function isSocketProtocolCompatible(version: unknown): boolean {
  const number = typeof version === 'string' && /^\s*-?\d+\s*$/.test(version) ? Number(version) : version;
  return typeof number !== 'number' || !Number.isInteger(number) || number === SOCKET_PROTOCOL_VERSION;
}
