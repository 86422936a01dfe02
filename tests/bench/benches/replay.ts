import { replay as replayLog } from '@pizzapi/backbone';
import type { FoldingClientApi } from '../programs/foldingClient.js';
import type { Bench, BenchContext } from '../harness/bench.js';
import { bigStream, LONG_EVENTS, LONG_SID, otherSid } from '../harness/bigStream.js';
import { nowMs } from '../harness/clock.js';
import { CORES } from '../harness/cpu.js';
import { startProgram } from '../harness/program.js';
import { startGateway } from '../harness/rig.js';
import { median, quantile } from '../harness/stats.js';

async function run(context: BenchContext): Promise<void> {
  const { report, quick } = context;
  const { nats, events } = await bigStream(context);
  const stream = `a stream of ${events.toLocaleString('en')}`;
  const fromLog: number[] = [];
  for (let i = 0; i < 3; i++) {
    const from = nowMs();
    let count = 0;
    for await (const batch of replayLog(nats.b, LONG_SID)) count += batch.length;
    if (count !== LONG_EVENTS) throw new Error(`${count} events came out of the log`);
    fromLog.push(nowMs() - from);
    report.run('replay', `${LONG_EVENTS} events out of ${stream}, straight from the log`, {
      'events/s': (count / fromLog.at(-1)!) * 1_000,
      ms: fromLog.at(-1)!,
    });
  }

  const gateway = await startGateway(context, nats);
  await gateway.knows(LONG_SID);
  const client = startProgram<FoldingClientApi>('foldingClient', CORES?.load);
  context.defer(() => client.stop());
  const { url, token } = gateway;
  // Cold for the gateway each time: sessions that nobody has watched yet. Short ones first, to warm the code.
  const joins: { helloMs: number; firstEventMs: number }[] = [];
  for (let i = 0; i < (quick ? 10 : 30); i++) joins.push(await client.call('open', { url, token, sid: otherSid(i) }));
  const first = joins.slice(5).map(({ firstEventMs }) => firstEventMs);
  report.run('replay', `joining a session of ${stream} that nobody watches`, {
    'hello p50 ms': median(joins.slice(5).map(({ helloMs }) => helloMs)),
    'first frame p50 ms': median(first),
    'first frame p95 ms': quantile(first, 0.95),
  });

  const cold = await client.call('open', { url, token, sid: LONG_SID });
  const warm = [];
  for (let i = 0; i < 3; i++) warm.push(await client.call('open', { url, token, sid: LONG_SID }));
  for (const [what, one] of [['cold', cold] as const, ...warm.map((each) => ['again', each] as const)]) {
    if (one.events !== LONG_EVENTS) throw new Error(`${one.events} events reached the client`);
    report.run('replay', `${LONG_EVENTS} events, log to gateway to client's fold, ${what}`, {
      'live ms': one.liveMs,
      'hello ms': one.helloMs,
      'first event ms': one.firstEventMs,
      'events/s': (one.events / one.liveMs) * 1_000,
      'client CPU ms': one.cpuSeconds * 1_000,
    });
  }
  const tail = await client.call('open', { url, token, sid: otherSid(40), tail: 50 });
  report.run('replay', 'the last 50 events of a session', {
    'live ms': tail.liveMs,
    'first event ms': tail.firstEventMs,
  });
  const reach = (figure: string, most: number, reached: number) =>
    report.reach({ bench: 'replay', figure: `${figure}, ${stream}`, unit: 'ms', target: { most }, reached });
  reach('session of 10,000 events: log → gateway → fold', 200, cold.liveMs);
  reach('first frame on join, p95', 50, quantile(first, 0.95));
}

export const replay: Bench = {
  name: 'replay',
  title: 'a session of 10,000 events inside a stream of a million',
  run,
};
