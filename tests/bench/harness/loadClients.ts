import type { PublisherApi } from '../programs/publisher.js';
import type { ViewersApi } from '../programs/viewers.js';
import type { BenchContext } from './bench.js';
import { CORES } from './cpu.js';
import { timeOffset } from './events.js';
import { startProgram, type Program } from './program.js';
import { startGateway, startNats, type BenchGateway, type BenchGatewayOptions, type Nats } from './processes.js';

export async function startPublisher(context: BenchContext, nats: Nats): Promise<Program<PublisherApi>> {
  const publisher = startProgram<PublisherApi>('publisher', CORES?.load);
  context.defer(() => publisher.stop());
  await publisher.call('connect', { natsUrl: nats.url });
  return publisher;
}

export function startViewers(context: BenchContext): Program<ViewersApi> {
  const viewers = startProgram<ViewersApi>('viewers', CORES?.load);
  context.defer(() => viewers.stop());
  return viewers;
}

/** Arguments with which viewers join a session of a gateway. */
export function joining(gateway: Pick<BenchGateway, 'url' | 'token'>, sid: string, bytes: number) {
  const { url, token } = gateway;
  return { url, token, path: `/ws/sessions/${sid}`, eventBytes: bytes, timeOffset: timeOffset(bytes) };
}

/** Starts nats-server, a gateway, a publisher and a group of viewers, which most benches need. */
export async function startLoadClients(context: BenchContext, options: BenchGatewayOptions = {}) {
  const nats = await startNats(context);
  const publisher = await startPublisher(context, nats);
  const viewers = startViewers(context);
  const gateway = await startGateway(context, nats, options);
  const open = async (sids: string[]): Promise<Record<string, number>> => {
    const starts = await publisher.call('open', { sids });
    for (const sid of sids) await gateway.knows(sid);
    return starts;
  };
  return { nats, gateway, publisher, viewers, open };
}

let made = 0;
/** Returns names for sessions, which are never repeated. */
export const newSids = (count: number): string[] =>
  Array.from({ length: count }, () => `bench-${process.pid}-${++made}`);
