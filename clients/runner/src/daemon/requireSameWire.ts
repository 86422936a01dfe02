import { relayVersion, type Backbone } from '@pizzapi/backbone';
import { packageVersion, type Logger } from '@pizzapi/process';
import { CodedError, spokenVersion, versionsApartText, type RunnerRight } from '@pizzapi/protocol';

const VERSION = packageVersion(import.meta.url);

/**
 * Returns the rights of the runner's token; undefined: all. Throws `wire_mismatch` when the relay of a runner speaks another wire, with the side to update and how. Logs another
 * version of the relay that works.
 */
export async function requireSameWire(
  backbone: Backbone,
  { runnerId, relayUrl, log }: { runnerId: string; relayUrl?: string | undefined; log: Logger },
  host = spokenVersion(VERSION),
): Promise<RunnerRight[] | undefined> {
  const relay = await relayVersion(backbone, runnerId);
  const apart = versionsApartText(host, relay, relayUrl);
  if (apart === undefined) return relay.allow;
  const message = `${apart.text}. ${apart.todo}`;
  if (!apart.works) throw new CodedError('wire_mismatch', message);
  log.warn({ version: host.version, relay: relay.version }, message);
  return relay.allow;
}
