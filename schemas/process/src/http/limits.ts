/** What a connection to an HTTP server may take before it is closed. Times are in ms. */
export interface HttpLimits {
  /** For the head of a request, from its first byte, or from the opening of the connection. */
  headMs: number;
  /** Between two requests. */
  idleMs: number;
  /** A body may stand still for so long, of somebody unknown and of somebody who has shown credentials. */
  stallMs: { unknown: number; known: number };
  /** A body has to come at this many bytes a second, on average, after a first `stallMs`. */
  bodyBytesPerSecond: number;
  /** For what is left of a body, once its request has been answered. */
  lingerMs: number;
  /** An answer may stand still for so long. */
  sendMs: number;
  /** Connections of one client that has shown no credentials on them, in the long run. */
  unknownPerClient: number;
  /** The same, for a moment: a page and its tabs, or everybody behind one address, may come back at once. */
  burstPerClient: number;
}

const HEAD_MS = 15_000;
const BODY_STALL_MS = 15_000;
const BODY_BYTES_PER_SECOND = 1024;
const UNKNOWN_PER_CLIENT = 256;

/** So long a connection is left alone, however many there are. */
export const BURST_MS = 2_000;

export const HTTP_LIMITS: HttpLimits = {
  headMs: HEAD_MS,
  idleMs: 65_000,
  stallMs: { unknown: BODY_STALL_MS, known: 60_000 },
  bodyBytesPerSecond: BODY_BYTES_PER_SECOND,
  lingerMs: 5_000,
  sendMs: 60_000,
  unknownPerClient: UNKNOWN_PER_CLIENT,
  burstPerClient: 2_048,
};
