import { runnerOwnerKey, runnerOwnerRows, type Backbone } from '@pizzapi/backbone';
import type { RunnerOwnerRow } from '@pizzapi/protocol';

/**
 * `claimed`: it belongs to this host from now on. `known`: it did already. `forgotten`: the account forgot it, and the
 * key is older than that.
 */
export type RunnerClaim = 'claimed' | 'known' | 'taken' | 'forgotten';

/** What a host shows. `keyCreatedAt` is when its key was made. */
export type RunnerClaimRequest = Required<Omit<RunnerOwnerRow, 'forgottenAt'>> & { keyCreatedAt: number };

/**
 * Gives a runner id to the first host that comes with it. Afterwards only who knows the same secret, for the same
 * account, has it. Of two that come at once one gets it, because the write is conditional.
 */
export async function claimRunner(b: Backbone, { keyCreatedAt, ...claim }: RunnerClaimRequest): Promise<RunnerClaim> {
  const rows = runnerOwnerRows(b);
  const key = runnerOwnerKey(claim.runnerId);
  for (;;) {
    const found = await rows.get(key);
    if (found === undefined) {
      if ((await rows.create(key, claim)).kind === 'stored') return 'claimed';
      continue;
    }
    const { value, revision } = found;
    if (value.userId !== claim.userId || value.secretHash !== claim.secretHash) return 'taken';
    const { forgottenAt } = value;
    if (forgottenAt !== undefined && keyCreatedAt <= forgottenAt) return 'forgotten';
    if (value.keyHash === claim.keyHash && forgottenAt === undefined) return 'known';
    if ((await rows.update(key, claim, revision)).kind === 'stored')
      return forgottenAt === undefined ? 'known' : 'claimed';
  }
}
