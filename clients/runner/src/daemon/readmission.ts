import type { Logger } from '@pizzapi/process';
import type { LinkClient } from '../link/client.js';
import { claimSoon, isGone, type GrantAccess } from './grants.js';

/** `gone`: the session is another host's. `later`: nobody lets us in either; the worker tells again. */
export type Readmitted = 'admitted' | 'gone' | 'later';

/** Gets the worker of a session another login when its own is refused: its grant is of a token that was revoked. */
export class Readmission {
  private running: Promise<Readmitted> | undefined;

  constructor(
    private readonly access: GrantAccess & { log: Logger },
    private readonly sid: string,
    private readonly signal: AbortSignal,
  ) {}

  run(link: LinkClient): Promise<Readmitted> {
    this.running ??= this.attempt(link).finally(() => (this.running = undefined));
    return this.running;
  }

  private async attempt(link: LinkClient): Promise<Readmitted> {
    const { access, sid } = this;
    if (access.backbone.status() !== 'connected') return 'later';
    const grant = await claimSoon(access, sid, this.signal).catch(() => undefined);
    if (grant?.kind === 'granted') {
      await link.ask('grant', { grant: grant.grant });
      return 'admitted';
    }
    if (grant !== undefined && isGone(grant.code)) return 'gone';
    access.log.warn({ sid, ...grant }, 'a worker is refused by nats-server, and there is no other grant for it yet');
    return 'later';
  }
}
