import type { Logger } from '@pizzapi/process';
import { claimSoon, isGone, type GrantAccess } from './grants.js';

/** `gone`: the session is another host's. `later`: no new grant is available yet; the refusal is reported again. */
export type GrantRenewal = 'renewed' | 'gone' | 'later';

/** Fetches a new grant for a session whose login is refused, because the token of its grant was revoked. */
export class GrantRenewer {
  private running: Promise<GrantRenewal> | undefined;

  constructor(
    private readonly access: GrantAccess & { log: Logger },
    private readonly sid: string,
    private readonly signal: AbortSignal,
  ) {}

  /** Passes a new grant to `use`. While one call runs, further calls share its result. */
  renew(use: (grant: string) => unknown): Promise<GrantRenewal> {
    this.running ??= this.attempt(use).finally(() => (this.running = undefined));
    return this.running;
  }

  private async attempt(use: (grant: string) => unknown): Promise<GrantRenewal> {
    const { access, sid } = this;
    if (access.backbone.status() !== 'connected') return 'later';
    const claimed = await claimSoon(access, sid, this.signal).catch(() => undefined);
    if (claimed?.kind === 'granted') {
      await use(claimed.grant);
      return 'renewed';
    }
    if (claimed !== undefined && isGone(claimed.code)) return 'gone';
    access.log.warn({ sid, ...claimed }, 'login of the session refused; no new grant available yet');
    return 'later';
  }
}
