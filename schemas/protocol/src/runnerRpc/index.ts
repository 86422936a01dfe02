import type { Static } from 'typebox';
import { checker, type Checker } from '../check.js';
import { COMMAND_METHODS } from './commands.js';
import { GIT_METHODS } from './git.js';
import { FILE_CHANGE_METHODS } from './fileChanges.js';
import { FILE_METHODS } from './files.js';
import { LOG_METHODS } from './logs.js';
import type { RunnerMethodSpec } from './method.js';
import { CHANGES_METHODS } from './sessionChanges.js';
import { STATUS_METHODS } from './status.js';
import { TERMINAL_METHODS } from './terminals.js';

export * from './commandLine.js';
export * from './commands.js';
export * from './git.js';
export * from './gitShapes.js';
export * from './fileChanges.js';
export * from './filePaths.js';
export * from './files.js';
export * from './logs.js';
export * from './method.js';
export * from './rights.js';
export { TerminalInfo } from './terminals.js';
export * from './sessionChanges.js';

/**
 * Every request that a runner answers on `runner.<rid>.rpc.<method>`. A method is added to the file of its group, and its
 * handler to the same group of `clients/runner/src/daemon/rpc`; routes, documents and typed calls follow.
 */
export const RUNNER_METHODS = {
  ...STATUS_METHODS,
  ...LOG_METHODS,
  ...COMMAND_METHODS,
  ...TERMINAL_METHODS,
  ...GIT_METHODS,
  ...CHANGES_METHODS,
  ...FILE_METHODS,
  ...FILE_CHANGE_METHODS,
} as const;

type Table = typeof RUNNER_METHODS;
export type RunnerMethod = keyof Table;
export type MethodRequest<M extends RunnerMethod> = Static<Table[M]['request']>;
export type MethodReply<M extends RunnerMethod> = Static<Table[M]['reply']>;

/** The names, in the order of the table. */
export const RUNNER_METHOD_NAMES = Object.keys(RUNNER_METHODS) as RunnerMethod[];

/** Those that people and programs send over HTTP. */
export const ROUTED_METHOD_NAMES = RUNNER_METHOD_NAMES.filter((name) => methodSpec(name).gatewayOnly !== true);

/**
 * Requests about requests, which only gateways send: `cancel { callId }` ends one, `alive { callId }` asks whether the
 * runner still works on one. Both answer `{ known }`.
 */
export const CALL_CONTROLS = ['cancel', 'alive'] as const;
export type CallControl = (typeof CALL_CONTROLS)[number];

export function isRunnerMethod(name: string): name is RunnerMethod {
  return Object.hasOwn(RUNNER_METHODS, name);
}

/** The method as every method is described, without the types of its own request. */
export function methodSpec(name: RunnerMethod): RunnerMethodSpec {
  return RUNNER_METHODS[name];
}

const checkers = new Map<string, Checker<unknown>>();

function checkerOf(name: RunnerMethod, part: 'request' | 'reply'): Checker<unknown> {
  const key = `${name} ${part}`;
  let found = checkers.get(key);
  if (found === undefined) checkers.set(key, (found = checker(RUNNER_METHODS[name][part]) as Checker<unknown>));
  return found;
}

/** Says what is wrong with a request of a method, or undefined. */
export const requestProblem = (name: RunnerMethod, value: unknown): string | undefined =>
  checkerOf(name, 'request').problem(value);

/** Says what is wrong with a reply of a method, or undefined. */
export const replyProblem = (name: RunnerMethod, value: unknown): string | undefined =>
  checkerOf(name, 'reply').problem(value);

export const isMethodRequest = <M extends RunnerMethod>(name: M, value: unknown): value is MethodRequest<M> =>
  checkerOf(name, 'request')(value);

export const isMethodReply = <M extends RunnerMethod>(name: M, value: unknown): value is MethodReply<M> =>
  checkerOf(name, 'reply')(value);
