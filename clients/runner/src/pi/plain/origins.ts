import { newId, type Author, type SessionEvent } from '@pizzapi/protocol';
import { textOf } from '../translate.js';
import type { AgentInput } from '../types.js';
import { originOf, type UserMessageOrigin } from '../userMessageOrigin.js';
import type { PlainInputs } from './inputs.js';

export interface PlainOriginsDeps {
  inputs: Pick<PlainInputs, 'read'>;
  /** Who sits at the terminal. */
  local: () => Author;
  /** Shows who says what follows. */
  introduce: (by: Author) => void;
  tell: (event: SessionEvent) => void;
}

/** Names where each user's message of a plain pi comes from. */
export class PlainOrigins {
  readonly #inputs = new WeakMap<object, AgentInput | 'typed' | undefined>();

  constructor(private readonly deps: PlainOriginsDeps) {}

  authorsOf(message: object): Author[] {
    const input = this.#inputOf(message);
    if (input === 'typed') return [this.deps.local()];
    return input?.by === undefined ? [] : [input.by];
  }

  /** The agent reads a message. Call it once for each message. */
  read(message: object): UserMessageOrigin {
    const { local, introduce, tell } = this.deps;
    const input = this.#inputOf(message);
    if (input !== 'typed') {
      if (input?.by !== undefined) introduce(input.by);
      return originOf(input);
    }
    const typed = { commandId: newId('c'), text: textIn(message), by: local(), deliverAs: 'prompt' } as const;
    tell({ type: 'input_received', at: Date.now(), ...typed });
    return originOf(typed);
  }

  #inputOf(message: object): AgentInput | 'typed' | undefined {
    if (!this.#inputs.has(message)) this.#inputs.set(message, this.deps.inputs.read(textIn(message)));
    return this.#inputs.get(message);
  }
}

const textIn = (message: object): string => textOf('content' in message ? message.content : '');
