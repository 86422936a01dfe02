import type { SessionManager } from '@mariozechner/pi-coding-agent';
import { isMap, isSessionEvent, stringAt, type Author, type SessionEvent } from '@pizzapi/protocol';
import type { AgentInput } from './types.js';

const ENTRY = 'pizzapi.input';
const OVER_ENTRY = 'pizzapi.input-over';

export type KeptInput = AgentInput & { by: Author };

type Story = Pick<SessionManager, 'appendCustomEntry' | 'getEntries' | 'getSessionId'>;

/**
 * Inputs that wait while the agent works. pi has them in its memory only, so each is kept in the session file as well,
 * until the agent has read it: what a process that died or was stopped had not handed over, the next one does.
 */
export class KeptInputs {
  readonly #kept = new Set<string>();

  constructor(private readonly story: Story) {}

  keep(input: KeptInput): void {
    this.#kept.add(input.commandId);
    this.story.appendCustomEntry(ENTRY, { sessionId: this.story.getSessionId(), input });
  }

  /** The agent has read it, or it was refused: nothing is to be done any more. */
  over(commandId: string): void {
    if (this.#kept.delete(commandId)) this.story.appendCustomEntry(OVER_ENTRY, { commandId });
  }

  /** None is wanted any more: the session ends for good. */
  allOver(): void {
    for (const commandId of [...this.#kept]) this.over(commandId);
  }

  /** What an earlier process of this session had kept, in order. It is kept on until it is over. */
  restore(): KeptInput[] {
    const left = new Map<string, KeptInput>();
    for (const entry of this.story.getEntries()) {
      if (entry.type !== 'custom' || !isMap(entry.data)) continue;
      const { data, customType } = entry;
      if (customType === OVER_ENTRY) left.delete(stringAt(data, 'commandId') ?? '');
      const input = customType === ENTRY && data['sessionId'] === this.story.getSessionId() ? data['input'] : undefined;
      if (isInput(input)) left.set(input.commandId, input);
    }
    for (const commandId of left.keys()) this.#kept.add(commandId);
    return [...left.values()];
  }
}

/** What is said when an input has come. */
export function receivedEvent({ commandId, text, by, deliverAs = 'prompt' }: KeptInput): SessionEvent {
  return { type: 'input_received', at: Date.now(), commandId, text, by, deliverAs };
}

/** The file may have been written by anybody. */
function isInput(value: unknown): value is KeptInput {
  if (!isMap(value) || !isMap(value['by'])) return false;
  const { images = [] } = value;
  const areImages = Array.isArray(images) && images.every((image) => isMap(image) && typeof image['data'] === 'string');
  return areImages && isSessionEvent(receivedEvent(value as unknown as KeptInput));
}
