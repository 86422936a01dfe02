import { readAnnouncements, type Backbone } from '@pizzapi/backbone';
import {
  decodeTerminalMessage,
  errorInfo,
  parseTerminalId,
  subjects,
  type MethodReply,
  type MethodRequest,
  type RunnerMethod,
  type TerminalMessage,
} from '@pizzapi/protocol';
import type { Principal } from '../auth/principal.js';
import type { CallOutcome, RunnerCalls } from '../runner/runnerCalls.js';
import type { Access } from '../session/access.js';
import type { Directory } from '../session/directory.js';

/** What is asked of a terminal, without its id. */
type Asked<M extends RunnerMethod> = Omit<MethodRequest<M>, 'terminalId'>;
export type TerminalMethod =
  'watch_terminal' | 'terminal_output' | 'terminal_input' | 'terminal_resize' | 'take_keyboard' | 'kill_terminal';

/** A terminal on its host, as a gateway reaches it. */
export interface TerminalSource {
  call<M extends TerminalMethod>(principal: Principal, method: M, asked: Asked<M>): Promise<CallOutcome<M>>;
  /** Calls `fn` when the host may be lost or back. Returns a function that stops it. */
  onChange(fn: () => void): () => void;
  /** Calls `onMessage` with all that the host publishes of the terminal. Returns a function that stops it. */
  follow(onMessage: (message: TerminalMessage) => void): () => void;
}

export type OutputReply = MethodReply<'terminal_output'>;

export interface TerminalSourceDeps {
  b: Backbone;
  calls: RunnerCalls;
  access: Access;
  directory: Pick<Directory, 'on'>;
}

/** A terminal behind nats-server. Undefined for a text that is no id of a terminal. */
export function natsTerminalSource(deps: TerminalSourceDeps, terminalId: string): TerminalSource | undefined {
  const id = parseTerminalId(terminalId);
  if (id === undefined) return undefined;
  const { runnerId, name } = id;
  return {
    call: async (principal, method, asked) => {
      // Asked at each request: a runner may change hands while a terminal of it is shown.
      if (!deps.access.mayUseRunner(principal, runnerId))
        return { kind: 'refused', error: errorInfo('runner_not_found', `There is no runner "${runnerId}"`) };
      const request = { ...asked, terminalId } as MethodRequest<typeof method>;
      return deps.calls.call(principal, runnerId, method, request);
    },
    onChange: (fn) =>
      deps.directory.on((change) => {
        if (change.kind === 'gap' || (change.kind === 'lease' && change.key === `runner.${runnerId}`)) fn();
      }),
    follow: (onMessage) =>
      readAnnouncements(deps.b, subjects.terminalOutput(runnerId, name), (body) => {
        const message = decodeTerminalMessage(body);
        if (message !== undefined) onMessage(message);
      }),
  };
}
