import { isMap, newId, stringAt, subjects } from '@pizzapi/protocol';
import type { GatewayBus } from '../gatewayBus.js';
import type { RecentSpawn, RecentSpawns } from './recentSpawns.js';

/**
 * Shares the sessions that were requested a moment ago with the other gateways. A person who requested a session at one
 * gateway may open it at another one before its runner has started it.
 */
export class SpawnAnnouncements {
  private readonly id = newId('g');
  private stopReading: () => void = () => undefined;

  constructor(
    private readonly bus: Pick<GatewayBus, 'send' | 'read'>,
    private readonly recentSpawns: RecentSpawns,
    /** Whether the owner of a session is known: then the announcement came late. */
    private readonly isOwned: (sid: string) => boolean,
  ) {}

  start(): void {
    this.stopReading = this.bus.read(subjects.gatewaySpawns, (message) => this.receive(message));
  }

  stop(): void {
    this.stopReading();
  }

  add(sid: string, spawn: RecentSpawn): void {
    this.recentSpawns.set(sid, spawn);
    this.bus.send(subjects.gatewaySpawns, { from: this.id, sid, ...spawn });
  }

  /** The session does not start. */
  remove(sid: string): void {
    this.recentSpawns.delete(sid);
    this.bus.send(subjects.gatewaySpawns, { from: this.id, sid });
  }

  private receive(message: unknown): void {
    if (!isMap(message) || message['from'] === this.id) return;
    const [sid, userId, runnerId] = ['sid', 'userId', 'runnerId'].map((field) => stringAt(message, field));
    if (sid === undefined) return;
    if (userId === undefined || runnerId === undefined) this.recentSpawns.delete(sid);
    else if (!this.isOwned(sid)) this.recentSpawns.set(sid, { userId, runnerId });
  }
}
