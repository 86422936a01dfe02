import type { Logger } from '@pizzapi/process';
import type { WorkerIpcClient } from '../ipc/client.js';
import { claimSoon, isGone, type GrantAccess } from './grants.js';

/** `gone`: the session is another host's. `later`: nobody lets us in either; the worker tells again. */
export type GrantRenewal = 'admitted' | 'gone' | 'later';

/** Gets the worker of a session another login when its own is refused: its grant is of a token that was revoked. */
export class GrantRenewer {
  private running: Promise<GrantRenewal> | undefined;

  constructor(
    private readonly access: GrantAccess & { log: Logger },
    private readonly sid: string,
    private readonly signal: AbortSignal,
  ) {}

  run(link: WorkerIpcClient): Promise<GrantRenewal> {
    this.running ??= this.attempt(link).finally(() => (this.running = undefined));
    return this.running;
  }

  private async attempt(link: WorkerIpcClient): Promise<GrantRenewal> {
    const { access, sid } = this;
    if (access.backbone.status() !== 'connected') return 'later';
    const grant = await claimSoon(access, sid, this.signal).catch(() => undefined);
    if (grant?.kind === 'granted') {
      await link.request('grant', { grant: grant.grant });
      return 'admitted';
    }
    if (grant !== undefined && isGone(grant.code)) return 'gone';
    access.log.warn({ sid, ...grant }, 'a worker is refused by nats-server, and there is no other grant for it yet');
    return 'later';
  }
}
