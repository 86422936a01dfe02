import { BoundedMap, isMap } from '@pizzapi/protocol';
import { commandOf } from './fold.js';

/** What the log says of a command. `delivered`: an input has reached the agent. `closed`: the session was closed here first. */
export type ClientCommandOutcome =
  | { kind: 'ok'; result?: unknown }
  | { kind: 'failed'; error: { code: string; message: string } }
  | { kind: 'delivered' }
  | { kind: 'closed' };

/** Outcomes that are remembered for those who ask late. */
const MAX_RESULTS = 1_000;

/** Outcomes of commands, as they appear in the log. */
export class CommandResults {
  readonly #known = new BoundedMap<string, ClientCommandOutcome>(MAX_RESULTS);
  readonly #waiting = new Map<string, ((outcome: ClientCommandOutcome) => void)[]>();

  /** Takes notice of an event of the log. */
  read(event: unknown): void {
    const command = commandOf(event);
    const outcome = command && outcomeOf(command.type, command.event);
    if (command === undefined || outcome === undefined) return;
    this.#known.set(command.commandId, outcome);
    const waiting = this.#waiting.get(command.commandId);
    this.#waiting.delete(command.commandId);
    for (const resolve of waiting ?? []) resolve(outcome);
  }

  of(commandId: string): Promise<ClientCommandOutcome> {
    const known = this.#known.get(commandId);
    if (known !== undefined) return Promise.resolve(known);
    return new Promise((resolve) => {
      this.#waiting.set(commandId, [...(this.#waiting.get(commandId) ?? []), resolve]);
    });
  }

  close(): void {
    for (const resolve of [...this.#waiting.values()].flat()) resolve({ kind: 'closed' });
    this.#waiting.clear();
  }
}

function outcomeOf(type: string, event: Record<string, unknown>): ClientCommandOutcome | undefined {
  if (type === 'input_delivered') return { kind: 'delivered' };
  if (type !== 'command_result') return undefined;
  if (event['ok'] === true) return { kind: 'ok', ...('result' in event ? { result: event['result'] } : {}) };
  const error = isMap(event['error']) ? event['error'] : {};
  const { code, message } = error;
  return {
    kind: 'failed',
    error: {
      code: typeof code === 'string' ? code : 'command_failed',
      message: typeof message === 'string' ? message : 'The command failed.',
    },
  };
}
