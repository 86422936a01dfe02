import { bucket, type Backbone, type Bucket } from '@pizzapi/backbone';
import { isMap, numberAt, stringAt } from '@pizzapi/protocol';
import { SLACK_MS } from './awaiting.js';
import { KEPT_MS, type Awaited } from './commands.js';

const PREFIX = 'await.';
/** A row that nobody removed goes by itself after so long, in ms. */
const ROW_MS = KEPT_MS + 60 * 60_000;

const isAwaited = (value: unknown): value is Awaited =>
  isMap(value) &&
  ['commandId', 'requestId', 'from', 'to', 'rid'].every((key) => stringAt(value, key) !== undefined) &&
  ['at', 'expiresAt'].every((key) => numberAt(value, key) !== undefined);

/** Commands whose results are waited for. In memory, and in a bucket for the orchestrator after this one. */
export class WaitingRoom {
  private readonly rows: Bucket<Awaited>;
  private readonly waiting = new Map<string, Awaited>();

  constructor(b: Backbone) {
    this.rows = bucket<Awaited>(b, 'projector', { check: isAwaited });
  }

  /** Reads what an earlier orchestrator waited for. */
  async load(): Promise<void> {
    for (const awaited of (await this.rows.all(PREFIX)).values()) this.waiting.set(awaited.commandId, awaited);
  }

  get all(): Awaited[] {
    return [...this.waiting.values()];
  }

  get(commandId: string): Awaited | undefined {
    return this.waiting.get(commandId);
  }

  /** The child that is being started under this id. */
  spawnOf(sid: string): Awaited | undefined {
    return this.all.find(({ isSpawn, to }) => isSpawn && to === sid);
  }

  /** False when it is waited for already. */
  async add(awaited: Awaited): Promise<boolean> {
    const made = await this.rows.create(PREFIX + awaited.commandId, awaited, { ttlMs: ROW_MS });
    if (!this.waiting.has(awaited.commandId)) this.waiting.set(awaited.commandId, awaited);
    return made.kind === 'stored';
  }

  /** Notes what the sender has been told; nothing where the result came meanwhile. */
  async told(awaited: Awaited, told: Awaited['told']): Promise<void> {
    if (!this.waiting.has(awaited.commandId)) return;
    const next = { ...awaited, told };
    this.waiting.set(awaited.commandId, next);
    await this.rows.put(PREFIX + awaited.commandId, next, { ttlMs: ROW_MS });
  }

  async remove({ commandId }: Awaited): Promise<void> {
    this.waiting.delete(commandId);
    await this.rows.delete(PREFIX + commandId, { markerMs: 2 * SLACK_MS });
  }
}
