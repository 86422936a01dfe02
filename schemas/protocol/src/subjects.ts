import { CodedError } from './codedError.js';
import { isId } from './ids.js';
import type { CallControl, RunnerMethod } from './runnerRpc/index.js';

/**
 * The only module that joins tokens with dots: every subject of PizzaPi is built and parsed here. An id with a dot, a
 * wildcard or a space is refused before it becomes part of a subject.
 */
function token(id: string): string {
  if (!isId(id)) throw new CodedError('invalid_id', `"${String(id).slice(0, 80)}" is not an id`);
  return id;
}

/** The requests that a runner answers on `runner.<rid>.rpc.<verb>`. */
export type RpcVerb = RunnerMethod | CallControl;

export const subjects = {
  /** The log of a session: events, stored. */
  sessionEvents: (sid: string) => `session.${token(sid)}.events`,
  /** Deltas of a session's open messages: not stored. */
  sessionDeltas: (sid: string) => `session.${token(sid)}.deltas`,
  /** Request/reply: the snapshot of a session's open messages, from its worker. */
  sessionPartial: (sid: string) => `session.${token(sid)}.partial`,
  /** The log, which nats-server republishes after storing it, with the offset in a header. */
  liveSessionEvents: (sid: string) => `live.session.${token(sid)}.events`,
  runnerEvents: (rid: string) => `runner.${token(rid)}.events`,
  runnerCommands: (rid: string) => `runner.${token(rid)}.cmd`,
  /** The commands of a runner, which nats-server republishes after storing them, with the offset in a header. */
  liveRunnerCommands: (rid: string) => `live.runner.${token(rid)}.cmd`,
  runnerRpc: (rid: string, verb: RpcVerb | '*') => `runner.${token(rid)}.rpc.${verb === '*' ? '*' : token(verb)}`,
  /** What a terminal prints and how it changes, not stored. `name` is of its id (`terminals.ts`). */
  terminalOutput: (rid: string, name: string) => `runner.${token(rid)}.terminals.${token(name)}`,
  /** All terminals of a runner. */
  terminalOutputs: (rid: string) => `runner.${token(rid)}.terminals.*`,
  /** Request/reply: whether a person looks at a session now, answered by the gateways where this is so. */
  attention: (sid: string) => `attention.${token(sid)}`,
  /** Between gateways, not stored: sessions that were requested at one of them. */
  gatewaySpawns: 'gateway.spawns',
  /** Between gateways, not stored: that a gateway is running. */
  gatewayAlive: 'gateway.alive',
  /** Between gateways, not stored: who watches a session at one of them. */
  gatewayPresence: (sid: string) => `gateway.presence.${token(sid)}`,
  /** One row of the audit log; `kind` groups what can be watched alone (`audit.login`). */
  audit: (kind: string) => `audit.${token(kind)}`,
} as const;

/** Wildcards, for streams, permissions and `nats sub`. */
export const WILDCARD = {
  sessionEvents: 'session.*.events',
  sessionDeltas: 'session.*.deltas',
  liveSessionEvents: 'live.session.*.events',
  runnerEvents: 'runner.*.events',
  runnerCommands: 'runner.*.cmd',
  liveRunnerCommands: 'live.runner.*.cmd',
  terminalOutput: 'runner.*.terminals.*',
  attention: 'attention.*',
  gateways: 'gateway.>',
  audit: 'audit.>',
} as const;

/** The parts of a parsed subject. */
export type ParsedSubject =
  | { kind: 'session_events' | 'session_deltas' | 'session_partial' | 'live_session_events'; sid: string }
  | { kind: 'runner_events' | 'runner_commands'; rid: string }
  | { kind: 'runner_rpc'; rid: string; verb: string }
  | { kind: 'terminal_output'; rid: string; name: string }
  | { kind: 'audit'; name: string };

const SESSION_KINDS = { events: 'session_events', deltas: 'session_deltas', partial: 'session_partial' } as const;
const RUNNER_KINDS = { events: 'runner_events', cmd: 'runner_commands' } as const;

/**
 * The inverse of `subjects`: returns the parts of a concrete subject, or undefined for a subject of another
 * application.
 */
export function parseSubject(subject: string): ParsedSubject | undefined {
  const parts = subject.split('.');
  if (!parts.every(isId)) return undefined;
  const [first, second, third, fourth] = parts as [string, string?, string?, string?];
  if (first === 'audit' && second !== undefined && parts.length === 2) return { kind: 'audit', name: second };
  if (first === 'live' && second === 'session' && third !== undefined && fourth === 'events' && parts.length === 4) {
    return { kind: 'live_session_events', sid: third };
  }
  if (second === undefined || third === undefined) return undefined;
  if (first === 'session' && parts.length === 3 && Object.hasOwn(SESSION_KINDS, third)) {
    return { kind: SESSION_KINDS[third as keyof typeof SESSION_KINDS], sid: second };
  }
  if (first !== 'runner') return undefined;
  if (parts.length === 3 && Object.hasOwn(RUNNER_KINDS, third)) {
    return { kind: RUNNER_KINDS[third as keyof typeof RUNNER_KINDS], rid: second };
  }
  if (parts.length === 4 && third === 'rpc' && fourth !== undefined)
    return { kind: 'runner_rpc', rid: second, verb: fourth };
  if (parts.length === 4 && third === 'terminals' && fourth !== undefined)
    return { kind: 'terminal_output', rid: second, name: fourth };
  return undefined;
}
