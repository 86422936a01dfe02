import { bucket, type Backbone, type Bucket } from '@pizzapi/backbone';
import { isMap, numberAt, stringAt } from '@pizzapi/protocol';
import { SLACK_MS } from './receipts.js';
import { KEPT_MS, type PendingCommand } from './commands.js';

const PREFIX = 'await.';
/** A row that nobody removed goes by itself after so long, in ms. */
const ROW_MS = KEPT_MS + 60 * 60_000;

const isAwaited = (value: unknown): value is PendingCommand =>
  isMap(value) &&
  ['commandId', 'requestId', 'from', 'to', 'rid'].every((key) => stringAt(value, key) !== undefined) &&
  ['at', 'expiresAt'].every((key) => numberAt(value, key) !== undefined);

/** Commands whose results are waited for. In memory, and in a bucket for the orchestrator after this one. */
export class PendingCommands {
  private readonly rows: Bucket<PendingCommand>;
  private readonly waiting = new Map<string, PendingCommand>();

  constructor(b: Backbone) {
    this.rows = bucket<PendingCommand>(b, 'projector', { check: isAwaited });
  }

  /** Reads what an earlier orchestrator waited for. */
  async load(): Promise<void> {
    for (const pendingCommand of (await this.rows.all(PREFIX)).values())
      this.waiting.set(pendingCommand.commandId, pendingCommand);
  }

  get all(): PendingCommand[] {
    return [...this.waiting.values()];
  }

  get(commandId: string): PendingCommand | undefined {
    return this.waiting.get(commandId);
  }

  /** The child that is being started under this id. */
  spawnOf(sid: string): PendingCommand | undefined {
    return this.all.find(({ isSpawn, to }) => isSpawn && to === sid);
  }

  /** False when it is waited for already. */
  async add(pendingCommand: PendingCommand): Promise<boolean> {
    const made = await this.rows.create(PREFIX + pendingCommand.commandId, pendingCommand, { ttlMs: ROW_MS });
    if (!this.waiting.has(pendingCommand.commandId)) this.waiting.set(pendingCommand.commandId, pendingCommand);
    return made.kind === 'stored';
  }

  /** Notes what the sender has been told; nothing where the result came meanwhile. */
  async recordReceipt(pendingCommand: PendingCommand, told: PendingCommand['told']): Promise<void> {
    if (!this.waiting.has(pendingCommand.commandId)) return;
    const next = { ...pendingCommand, told };
    this.waiting.set(pendingCommand.commandId, next);
    await this.rows.put(PREFIX + pendingCommand.commandId, next, { ttlMs: ROW_MS });
  }

  async remove({ commandId }: PendingCommand): Promise<void> {
    this.waiting.delete(commandId);
    await this.rows.delete(PREFIX + commandId, { markerMs: 2 * SLACK_MS });
  }
}
