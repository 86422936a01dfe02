import { runnerOwnerKey, runnerOwnerRows, type AuditWriter, type Backbone } from '@pizzapi/backbone';
import { errorInfo, type ErrorInfo, type KeyInfo } from '@pizzapi/protocol';
import type { ApiKeys } from '../accounts/keys.js';
import { auditFieldsOf, type Principal } from '../auth/principal.js';
import { unknownRunner } from './access.js';
import type { Directory } from './directory.js';

export interface RunnerForgetterDeps {
  b: Backbone;
  directory: Pick<Directory, 'isOnline' | 'runner' | 'runnersWithKey' | 'until' | 'userOfRunner'>;
  keys: Pick<ApiKeys, 'revokeHash'>;
  audit: AuditWriter<'runner_forgotten' | 'key_revoked'>;
  now?: () => number;
}

/** `revoked`: the token of the runner, unless other runners of the account use it too. */
export type ForgetOutcome = { kind: 'forgotten'; revoked: KeyInfo | undefined } | { kind: 'refused'; error: ErrorInfo };

/** How long the directory may take to show the change, in ms. */
const SETTLE_MS = 3_000;

/**
 * Forgets runners that are gone. The row of the owner stays and says so: the id is not listed, and the authenticator
 * refuses it until the machine is paired anew. The sessions keep their owner and their log.
 */
export class RunnerForgetter {
  constructor(private readonly deps: RunnerForgetterDeps) {}

  /** The caller has checked that the runner belongs to the principal. Checks it again on the stored row. */
  async forget(principal: Principal, rid: string): Promise<ForgetOutcome> {
    const { b, directory, keys, audit, now = Date.now } = this.deps;
    const { userId } = principal;
    const rows = runnerOwnerRows(b);
    const key = runnerOwnerKey(rid);
    for (;;) {
      const found = await rows.get(key);
      if (found === undefined || found.value.userId !== userId || found.value.forgottenAt !== undefined)
        return refused(unknownRunner(rid));
      if (directory.isOnline(rid)) return refused(errorInfo('runner_online', `The runner "${rid}" is online`));
      const { keyHash, ...kept } = found.value;
      // A runner that connects meanwhile changes the row or loses its connection by this one.
      const stored = await rows.update(key, { ...kept, forgottenAt: now() }, found.revision);
      if (stored.kind === 'conflict') continue;
      const who = auditFieldsOf(principal);
      audit('runner_forgotten', { ...who, runnerId: rid });
      const isNeeded = keyHash === undefined || this.isNeeded(keyHash, rid);
      const revoked = isNeeded ? undefined : await keys.revokeHash(userId, keyHash);
      if (revoked !== undefined)
        audit('key_revoked', { ...who, keyId: revoked.id, keyKind: revoked.kind, name: revoked.name });
      await directory.until(() => directory.userOfRunner(rid) === undefined, SETTLE_MS);
      return { kind: 'forgotten', revoked };
    }
  }

  /**
   * Whether another runner needs the key of a forgotten one. The terminals of a machine use the key of its daemon: a
   * daemon takes the key of the terminals that are offline with it, and a terminal leaves the key to the others.
   */
  private isNeeded(keyHash: string, rid: string): boolean {
    const { directory } = this.deps;
    const isTerminal = directory.runner(rid)?.kind === 'tui';
    return directory
      .runnersWithKey(keyHash)
      .some(
        (other) =>
          other !== rid && (isTerminal || directory.isOnline(other) || directory.runner(other)?.kind !== 'tui'),
      );
  }
}

function refused(error: ErrorInfo): ForgetOutcome {
  return { kind: 'refused', error };
}
