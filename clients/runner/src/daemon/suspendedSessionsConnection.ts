import { reauthenticate, type Backbone } from '@pizzapi/backbone';

/**
 * The daemon's connection for those of its sessions that have no worker, made when one is first needed. What it may
 * write is settled when it signs in: a session that was granted later makes it sign in again.
 */
export class SuspendedSessionsConnection {
  private connection: Promise<Backbone> | undefined;
  private renewing: Promise<void> | undefined;
  /** Sessions that were granted after it last signed in. */
  private readonly missing = new Set<string>();
  private readonly granted = new Set<string>();
  private closed = false;

  constructor(private readonly connect: () => Promise<Backbone>) {}

  /** This runner was granted a session just now. */
  add(sid: string): void {
    if (this.granted.has(sid)) return;
    this.granted.add(sid);
    if (this.connection !== undefined) this.missing.add(sid);
  }

  /** The session does not answer on this connection: its next user has it sign in again. */
  invalidate(sid: string): void {
    this.missing.add(sid);
  }

  /** The connection, able to write to `sid` if that session is this runner's. Rejects when there is none to be had. */
  async connectionFor(sid: string): Promise<Backbone> {
    this.connection ??= this.connect().catch((error: unknown) => {
      this.connection = undefined;
      throw error;
    });
    const backbone = await this.connection;
    while (this.missing.has(sid) && !this.closed) {
      this.renewing ??= this.reauthenticate(backbone).finally(() => (this.renewing = undefined));
      await this.renewing;
    }
    return backbone;
  }

  async close(): Promise<void> {
    this.closed = true;
    const backbone = await this.connection?.catch(() => undefined);
    await backbone?.close();
  }

  private async reauthenticate(backbone: Backbone): Promise<void> {
    // What is granted from here on may come too late for this time.
    const asked = [...this.missing];
    await reauthenticate(backbone);
    for (const sid of asked) this.missing.delete(sid);
  }
}
