import Type, { type Static, type TObject, type TProperties } from 'typebox';
import { ID_PATTERN } from '../ids.js';
import type { RunnerRight } from './rights.js';

/**
 * What one method of the requests to a runner is: the shapes of its request and its reply, who may send it, and how long
 * and how large it may be. The routes of the gateway, the handlers of the runner, the calls of the clients and the table
 * of the document all read it (docs/protocol/runner-requests.md).
 */

/** What a request gives to the row of the audit log: which thing it changed, never contents. */
export interface AuditedChange {
  /** A path on the host. */
  path?: string;
  /** Where it was moved to. */
  to?: string;
  /** A command line, shortened. */
  command?: string;
  /** The folder of the command. */
  cwd?: string;
  /** The session in whose folder it happened. */
  sessionId?: string;
  /** What has an id of its own: a terminal, a running command. */
  target?: string;
}

/**
 * `no`: the method only reads. `audited`: each request has a row in the audit log. `part`: the request belongs to
 * something that has a row already, such as input of a command.
 */
export type Changes<Q> = { kind: 'no' } | Audited<Q> | { kind: 'part' };
export interface Audited<Q> {
  kind: 'audited';
  /** What the person did, as a sentence continues: "ran a command". */
  did: string;
  what(request: Q): AuditedChange;
}

export interface RunnerMethodSpec<Q extends TObject = TObject, R extends TObject = TObject> {
  summary: string;
  request: Q;
  reply: R;
  /** The right that the token of the runner must have. Missing: every runner answers it. */
  right?: RunnerRight;
  /**
   * Guests of a session may send it when their share link has this right. The request then names that session in
   * `sessionId`, and the handler stays within its folder.
   */
  guests?: 'files:read';
  /** How long the runner may take, in ms. At most `MAX_CALL_MS`. */
  timeoutMs: number;
  /** The largest body over HTTP, in bytes. */
  maxRequestBytes: number;
  /** The largest encoded reply, in bytes. A handler with more to say pages by a cursor. */
  maxReplyBytes: number;
  changes: Changes<Static<Q>>;
  /** The runner answers it also when it works on as many requests as it may. */
  urgent: boolean;
  /** Only gateways send it, for a WebSocket of a person. It has no route. */
  gatewayOnly?: true;
}

type Given<Q extends TObject, R extends TObject> = Pick<RunnerMethodSpec<Q, R>, 'summary' | 'request' | 'reply'> &
  Partial<Omit<RunnerMethodSpec<Q, R>, 'changes'>> & { changes?: Changes<Static<Q>> };

/** How long any method may take: what takes longer is asked for again. */
export const MAX_CALL_MS = 30_000;
/** Bytes of a file or of output in one request or reply, before base64. */
export const RUNNER_PAGE_BYTES = 512 * 1024;
/** The encoded size of a request or reply with one page of bytes as base64. */
export const PAGE_MESSAGE_BYTES = 768 * 1024;

const DEFAULTS = {
  timeoutMs: 10_000,
  maxRequestBytes: 64 * 1024,
  maxReplyBytes: 512 * 1024,
  urgent: false,
  changes: { kind: 'no' },
} as const;

/** Declares a method. */
export function method<Q extends TObject, R extends TObject>(given: Given<Q, R>): RunnerMethodSpec<Q, R> {
  if ('call' in given.request.properties) throw new TypeError('`call` is the key of the envelope');
  const spec = { ...DEFAULTS, ...given };
  if (spec.timeoutMs > MAX_CALL_MS) throw new TypeError(`A method may take ${MAX_CALL_MS} ms`);
  return spec;
}

/**
 * The shape of a request. A field that the reader does not know is refused: to leave it out could do another thing than
 * was asked for.
 */
export const request = <P extends TProperties>(properties: P) =>
  Type.Object(properties, { additionalProperties: false });

/** The shape of a reply. A reader ignores fields that it does not know. */
export const reply = <P extends TProperties>(properties: P) => Type.Object(properties);

/** A path on the host: absolute, from `~`, or from the folder that the request names. */
export const HostPath = Type.String({ minLength: 1, maxLength: 4_096, pattern: '^[^\\u0000]*$' });
/** Bytes as base64, of one page at most. */
export const Base64Page = Type.String({
  maxLength: Math.ceil(RUNNER_PAGE_BYTES / 3) * 4,
  pattern: '^[A-Za-z0-9+/]*={0,2}$',
});
export const SessionRef = Type.String({ pattern: ID_PATTERN });

/** The key that the gateway adds to a request on its way to the runner. A client cannot set it. */
export const RunnerCallInfo = Type.Object({
  /** Names the request, so that it can be cancelled. */
  id: Type.String({ pattern: ID_PATTERN }),
  /** The account that asks. */
  userId: Type.String({ maxLength: 128 }),
  /** The session of a guest: the handler stays within its folder. */
  within: Type.Optional(SessionRef),
});
export type RunnerCallInfo = Static<typeof RunnerCallInfo>;
