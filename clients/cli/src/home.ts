import { homeLayout, OPTIONS, type NatsAccess } from '@pizzapi/process';
import { errorInfo } from '@pizzapi/protocol';
import { readNatsAccess } from '@pizzapi/runner/access';
import { Failure } from './io.js';

export {
  GATEWAY_OPTIONS,
  gatewayOf,
  gatewaySecretOf,
  isLoopback,
  keyFor,
  pageAt,
  readLocalState,
  readNatsAccess,
  type GatewayAccess,
} from '@pizzapi/runner/access';

/** Options of every command that looks into the home of a local run. */
export const HOME_OPTIONS = { home: OPTIONS.home };

/** Reads like `readNatsAccess`. Throws when the file does not exist, and names the command that creates it. */
export function requireNatsAccess(home: string): NatsAccess {
  const access = readNatsAccess(home);
  if (access !== undefined) return access;
  const { natsAccessFile } = homeLayout(home);
  const what = `${natsAccessFile} does not exist: no local run has created it yet. Start one with \`pizzapi local\``;
  throw new Failure(errorInfo('nats_unreachable', what));
}
