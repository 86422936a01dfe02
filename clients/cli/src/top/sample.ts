import type { TopReply } from '@pizzapi/protocol';

type Host = TopReply['hosts'][number];

/** One picture of a relay with its rates; a rate is missing until there are two pictures of the same processes. */
export interface TopSample extends Omit<TopReply, 'hosts'> {
  /** For each second: events and deltas from hosts, the same to viewers, and bytes to viewers. */
  rates?: { received: number; delivered: number; bytes: number };
  hosts: (Host & { eventsPerSecond?: number })[];
}

/** Returns a picture with its rates since the one before. */
export function sampleOf(now: TopReply, before: TopReply | undefined): TopSample {
  const seconds = before === undefined ? 0 : (now.at - before.at) / 1_000;
  if (before === undefined || seconds <= 0) return now;
  const perSecond = (after: number, earlier: number): number => Math.round(((after - earlier) / seconds) * 10) / 10;
  const hosts = now.hosts.map((host) => {
    const events = host.load?.events;
    const earlier = before.hosts.find(({ runnerId }) => runnerId === host.runnerId)?.load?.events;
    // A runner that was started again counts from 0.
    if (events === undefined || earlier === undefined || events < earlier) return host;
    return { ...host, eventsPerSecond: perSecond(events, earlier) };
  });
  if (now.gateway.startedAt !== before.gateway.startedAt) return { ...now, hosts };
  const rateOf = (field: 'received' | 'delivered' | 'bytes'): number =>
    perSecond(now.gateway[field], before.gateway[field]);
  return {
    ...now,
    hosts,
    rates: { received: rateOf('received'), delivered: rateOf('delivered'), bytes: rateOf('bytes') },
  };
}
