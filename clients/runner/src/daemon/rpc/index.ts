import { roundTrip, serveRpc, type Backbone } from '@pizzapi/backbone';
import type { Logger } from '@pizzapi/process';
import { subjects, type RunnerRight } from '@pizzapi/protocol';
import type { SessionHosts } from '../hosts.js';
import { commandHandlers, type CommandDeps } from './commandHandlers.js';
import { fileHandlers, type FileDeps } from './fileHandlers.js';
import { RunnerRequestDispatcher, type RunnerHandlers } from './dispatcher.js';
import { gitHandlers, type GitDeps } from './gitHandlers.js';
import { statusHandlers, type StatusDeps } from './statusHandlers.js';
import { terminalHandlers, type TerminalHandlerDeps } from './terminalHandlers.js';

export * from './dispatcher.js';

/** How long a reply may take to reach nats-server before the runner does what it has to do after it, in ms. */
const FLUSH_MS = 1_000;

export interface RunnerRpcDeps extends StatusDeps, CommandDeps, TerminalHandlerDeps, GitDeps, FileDeps {
  /** The rights of the runner's token. Undefined: all. */
  rights?: () => readonly RunnerRight[] | undefined;
  /** All sessions of the daemon. */
  hosts: SessionHosts;
  log: Logger;
}

/**
 * What a daemon answers. Each group of methods has a file of its own here, as it has in `schemas/protocol/src/runnerRpc`;
 * the type asks for a handler of every method of the table.
 */
function daemonHandlers(deps: RunnerRpcDeps): RunnerHandlers {
  return {
    ...statusHandlers(deps),
    ...commandHandlers(deps),
    ...terminalHandlers(deps),
    ...gitHandlers(deps),
    ...fileHandlers(deps),
  };
}

/** Answers what a daemon is asked, until the returned function is called. */
export function serveRunner(deps: RunnerRpcDeps): () => void {
  const { backbone, runnerId, rights, log } = deps;
  return serveRequests(backbone, runnerId, { handlers: daemonHandlers(deps), ...(rights && { rights }), log });
}

/** Answers the requests to a runner with these handlers, until the returned function is called. */
export function serveRequests(
  backbone: Backbone,
  runnerId: string,
  deps: ConstructorParameters<typeof RunnerRequestDispatcher>[0],
): () => void {
  const dispatcher = new RunnerRequestDispatcher(deps);
  const stop = serveRpc(backbone, subjects.runnerRpc(runnerId, '*'), async (body, subject) => {
    const { body: reply, afterwards } = await dispatcher.answer(subject.slice(subject.lastIndexOf('.') + 1), body);
    // When this has returned, the reply is published; when the server answers, it has left.
    if (afterwards !== undefined) setImmediate(() => void roundTrip(backbone, FLUSH_MS).finally(afterwards));
    return reply;
  });
  return () => {
    stop();
    dispatcher.stop();
  };
}
