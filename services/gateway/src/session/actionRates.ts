import { OPTIONS } from '@pizzapi/process';
import { errorInfo, type ErrorInfo } from '@pizzapi/protocol';
import { RateLimiterMemory } from 'rate-limiter-flexible';
import { networkOf } from '@pizzapi/process';
import { consume } from '../accounts/rateLimits.js';
import type { Principal } from '../auth/principal.js';

/** What is limited, each by itself: inputs and commands, starts of sessions among them, files, and changes at runners. */
export type Action = 'input' | 'upload' | 'runner_call';

const WORDS: Readonly<Record<Action, string>> = {
  input: 'inputs and commands',
  upload: 'files',
  runner_call: 'changes at runners',
};

/** How many of each an account, a share link and an address may send in a minute; 0 = any number. */
export interface ActionRateLimits {
  account: number;
  link: number;
  address: number;
}

export const DEFAULT_ACTION_RATES: ActionRateLimits = {
  account: OPTIONS.accountRate.default,
  link: OPTIONS.linkRate.default,
  address: OPTIONS.addressRate.default,
};

/** Bytes of a text that count as one message. */
export const BYTES_PER_ACTION = 64 * 1024;

export interface TooFast {
  error: ErrorInfo;
  retryAfterS: number;
}

/**
 * Counts what people send in the memory of this gateway. What guests of an account send counts for their link, and, all
 * of them together, as much as an account; it takes nothing of what the account itself may send.
 */
export class ActionRates {
  private readonly limiters: Readonly<Record<keyof ActionRateLimits, RateLimiterMemory | undefined>>;

  constructor(private readonly limits: ActionRateLimits = DEFAULT_ACTION_RATES) {
    const of = (points: number, keyPrefix: string) =>
      points === 0 ? undefined : new RateLimiterMemory({ points, duration: 60, keyPrefix });
    const { account, link, address } = limits;
    this.limiters = { account: of(account, 'account'), link: of(link, 'link'), address: of(address, 'address') };
  }

  /**
   * Counts an action. Undefined when it may go on. `owner`: whose the session is. A large text counts as several: a
   * command is stored for a day, whoever carries it out.
   */
  async take(action: Action, principal: Principal, owner: string, bytes = 0): Promise<TooFast | undefined> {
    const weight = 1 + Math.floor(bytes / BYTES_PER_ACTION);
    for (const { of, id, who } of partiesOf(principal, owner)) {
      const limiter = this.limiters[of];
      // However large it is, it may be sent by who has sent nothing else.
      const points = Math.min(weight, this.limits[of]);
      const retryAfterS = limiter && (await consume(limiter, `${action}/${id}`, points));
      if (retryAfterS !== undefined) return this.tooFast(of, action, who, retryAfterS);
    }
    return undefined;
  }

  private tooFast(of: keyof ActionRateLimits, action: Action, who: string, retryAfterS: number): TooFast {
    const sentence = `More than ${this.limits[of]} ${WORDS[action]} in a minute ${who}; wait ${retryAfterS} s`;
    return { error: errorInfo('too_many_requests', sentence), retryAfterS };
  }
}

interface Party {
  of: keyof ActionRateLimits;
  id: string;
  who: string;
}

/** For whom something counts that a person sends, the narrowest limit first. */
function partiesOf({ userId, share, credential, ip }: Principal, owner: string): Party[] {
  const address: Party[] = ip === undefined ? [] : [{ of: 'address', id: networkOf(ip), who: 'from this address' }];
  if (share === undefined) return [{ of: 'account', id: userId, who: 'by this account' }, ...address];
  const link: Party = { of: 'link', id: credential.id, who: 'by this link' };
  return [link, { of: 'account', id: `guests of ${owner}`, who: 'by all links of this account' }, ...address];
}
