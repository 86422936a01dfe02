import { METRICS } from '@pizzapi/process';
import type { Bench, BenchContext } from '../harness/bench.js';
import { joining, newSids, startPublisher, startViewers } from '../harness/loadClients.js';
import { startGateway, startNats } from '../harness/processes.js';
import { median } from '../harness/stats.js';

const VIEWERS = 200;
const MISSED = 200;
const BYTES = 1_000;

async function run(context: BenchContext): Promise<void> {
  const { report, quick } = context;
  const nats = await startNats(context);
  const publisher = await startPublisher(context, nats);
  const viewers = startViewers(context);
  const [sid] = newSids(1) as [string];
  await publisher.call('open', { sids: [sid] });
  await publisher.call('burst', { sids: [sid], each: 2_000, bytes: BYTES, ahead: 32 });
  const { last: after } = await publisher.call('head', { sid });
  await publisher.call('burst', { sids: [sid], each: MISSED, bytes: BYTES, ahead: 32 });

  const times: number[] = [];
  const reads: number[] = [];
  for (let i = 0; i < (quick ? 2 : 4); i++) {
    // A gateway that was just started has an empty cache, so it reads everything from the log.
    const gateway = await startGateway(context, nats);
    await gateway.knows(sid);
    const join = { ...joining(gateway, sid, BYTES), timeOffset: 0, count: VIEWERS, resume: { after } };
    const cold = await viewers.call('join', join);
    const coldReads = await gateway.metric(METRICS.gatewayLogReads);
    check(cold.events);
    await viewers.call('leave');
    const warm = await viewers.call('join', join);
    check(warm.events);
    await viewers.call('leave');
    times.push(cold.allLiveMs);
    reads.push(coldReads);
    report.run('reconnect', `${VIEWERS} viewers at once, each ${MISSED} events behind, ${BYTES} B`, {
      'all live ms': cold.allLiveMs,
      'first frame p50 ms': median(cold.firstEventMs),
      'log reads': coldReads,
      'once more ms': warm.allLiveMs,
    });
    await gateway.stop();
  }
  report.reach({
    bench: 'reconnect',
    figure: `${VIEWERS} viewers × ${MISSED} events, all live`,
    unit: 'ms',
    target: { most: 500 },
    reached: median(times),
  });
  report.reach({
    bench: 'reconnect',
    figure: 'reads of the log for all of them',
    unit: '',
    target: { most: 1 },
    reached: Math.max(...reads),
  });
}

function check(events: number[]): void {
  const wrong = events.filter((count) => count !== MISSED);
  if (wrong.length > 0) throw new Error(`${wrong.length} viewers got ${wrong[0]} events instead of ${MISSED}`);
}

export const reconnect: Bench = {
  name: 'reconnect',
  title: '200 viewers come back at once, 200 events behind each',
  run,
};
