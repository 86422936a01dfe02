import Type, { type Static } from 'typebox';
import { commandLine } from './commandLine.js';
import { Base64Page, HostPath, MAX_CALL_MS, method, PAGE_MESSAGE_BYTES, reply, request, SessionRef } from './method.js';

/**
 * Commands on a host. `exec` answers everything at once when the command ends soon and its output fits one reply. Otherwise it
 * answers what there is so far with `next`, and `exec_output` continues.
 */

/** How long a command may run, unless the request raises it, in ms. */
export const EXEC_TIMEOUT_MS = 10 * 60_000;
export const MAX_EXEC_TIMEOUT_MS = 7 * 24 * 60 * 60_000;
/** How much a command may print, unless the request raises it, in bytes. */
export const EXEC_OUTPUT_BYTES = 16 * 1024 * 1024;
export const MAX_EXEC_OUTPUT_BYTES = 64 * 1024 ** 3;
/** How long a request waits for output, in ms. */
export const MAX_EXEC_WAIT_MS = 25_000;
/** A command is ended when no request for it came for so long, in ms. */
export const EXEC_ABANDONED_MS = 30_000;
/** Bytes of output in one reply, before base64: one line of base64 for each of the two streams fits in a reply. */
export const EXEC_PAGE_BYTES = 256 * 1024;

export const EXEC_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGKILL', 'SIGUSR1', 'SIGUSR2'] as const;
/** Why the runner ended a command. */
export const EXEC_ENDS = ['timeout', 'output_limit', 'killed', 'abandoned'] as const;

const Argument = Type.String({ maxLength: 128 * 1024, pattern: '^[^\\u0000]*$' });
const ExecId = Type.String({ pattern: '^exec_[a-z2-7]{20}$' });
const Wait = Type.Optional(Type.Integer({ minimum: 0, maximum: MAX_EXEC_WAIT_MS }));

export const ExecExit = Type.Object({
  /** Null when a signal ended it. */
  code: Type.Union([Type.Integer(), Type.Null()]),
  signal: Type.Union([Type.String(), Type.Null()]),
  /** The runner ended it. */
  ended: Type.Optional(Type.Enum([...EXEC_ENDS])),
});
export type ExecExit = Static<typeof ExecExit>;

const ExecChunk = reply({
  execId: ExecId,
  /** What the command has printed since `after`, each stream apart, as base64. */
  stdout: Type.String(),
  stderr: Type.String(),
  /** The `after` of the next request. Missing: there is nothing more. */
  next: Type.Optional(Type.Integer({ minimum: 0 })),
  /** The command has ended, and this is the rest of its output. */
  exit: Type.Optional(ExecExit),
});
export type ExecChunk = Static<typeof ExecChunk>;

const part = { kind: 'part' } as const;

export const COMMAND_METHODS = {
  exec: method({
    summary: 'Runs a command on the host',
    request: request({
      /** The program and its arguments. With `shell`: a script, and its arguments from `$1`. */
      argv: Type.Array(Argument, { minItems: 1, maxItems: 4_096 }),
      shell: Type.Optional(Type.Boolean()),
      /** Within the roots. Missing: the folder of the session, or the first root. */
      cwd: Type.Optional(HostPath),
      sessionId: Type.Optional(SessionRef),
      /** Added to the environment that commands of the agent have. Names that begin with `PIZZAPI_` are refused. */
      env: Type.Optional(
        Type.Record(Type.String({ pattern: '^(?!PIZZAPI_)[A-Za-z_][A-Za-z0-9_]{0,127}$' }), Argument, {
          additionalProperties: false,
          maxProperties: 256,
        }),
      ),
      stdin: Type.Optional(Base64Page),
      /** `exec_input` sends more. Without it the input ends after `stdin`. */
      keepStdin: Type.Optional(Type.Boolean()),
      timeoutMs: Type.Optional(Type.Integer({ minimum: 1, maximum: MAX_EXEC_TIMEOUT_MS })),
      maxOutputBytes: Type.Optional(Type.Integer({ minimum: 0, maximum: MAX_EXEC_OUTPUT_BYTES })),
      /** How long to wait for the end of the command. Default 10 s. */
      waitMs: Wait,
    }),
    reply: ExecChunk,
    right: 'exec',
    timeoutMs: MAX_CALL_MS,
    maxRequestBytes: PAGE_MESSAGE_BYTES,
    maxReplyBytes: PAGE_MESSAGE_BYTES,
    changes: {
      kind: 'audited',
      did: 'ran a command',
      what: ({ argv, cwd, sessionId }) => ({
        command: commandLine(argv),
        ...(cwd === undefined ? {} : { cwd }),
        ...(sessionId === undefined ? {} : { sessionId }),
      }),
    },
  }),
  exec_output: method({
    summary: 'Continues the output of a command',
    request: request({
      execId: ExecId,
      /** `next` of the reply before. What lies before it is not kept any longer. */
      after: Type.Integer({ minimum: 0 }),
      /** How long to wait for more output. Default 10 s. */
      waitMs: Wait,
    }),
    reply: ExecChunk,
    right: 'exec',
    timeoutMs: MAX_CALL_MS,
    maxReplyBytes: PAGE_MESSAGE_BYTES,
    urgent: true,
  }),
  exec_input: method({
    summary: 'Sends input to a command',
    request: request({
      execId: ExecId,
      /** How many bytes were sent before. What was received already is skipped, so that a request may be sent again. */
      offset: Type.Integer({ minimum: 0 }),
      bytes: Base64Page,
      /** The input ends after these bytes. */
      end: Type.Optional(Type.Boolean()),
    }),
    /** `received`: how many bytes the command has been given. */
    reply: reply({ received: Type.Integer() }),
    right: 'exec',
    timeoutMs: MAX_CALL_MS,
    maxRequestBytes: PAGE_MESSAGE_BYTES,
    changes: part,
  }),
  exec_kill: method({
    summary: 'Sends a signal to a command, or ends it with all its processes',
    request: request({
      execId: ExecId,
      /** Missing: the command and all that it has started are ended. */
      signal: Type.Optional(Type.Enum([...EXEC_SIGNALS])),
    }),
    reply: reply({}),
    right: 'exec',
    timeoutMs: 15_000,
    changes: part,
    urgent: true,
  }),
};
