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

/** So long a connection is left alone, however many there are. */
export const BURST_MS = 2_000;

export const HTTP_LIMITS: HttpLimits = {
  headMs: 15_000,
  idleMs: 65_000,
  stallMs: { unknown: 15_000, known: 60_000 },
  bodyBytesPerSecond: 1_024,
  lingerMs: 5_000,
  sendMs: 60_000,
  unknownPerClient: 256,
  burstPerClient: 2_048,
};
