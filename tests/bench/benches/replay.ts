import { replay as replayLog } from '@pizzapi/backbone';
import type { FoldingClientApi } from '../programs/foldingClient.js';
import type { Bench, BenchContext } from '../harness/bench.js';
import { bigStream, LONG_EVENTS, LONG_SID, otherSid } from '../harness/bigStream.js';
import { nowMs } from '../harness/clock.js';
import { CORES, cpuSeconds } from '../harness/cpu.js';
import { startProgram } from '../harness/program.js';
import { startGateway, type Nats } from '../harness/processes.js';
import { median, quantile } from '../harness/stats.js';

const ROUNDS = 5;

async function fromLog(nats: Nats): Promise<number> {
  const from = nowMs();
  let count = 0;
  for await (const batch of replayLog(nats.b, LONG_SID)) count += batch.length;
  if (count !== LONG_EVENTS) throw new Error(`${count} events came out of the log`);
  return nowMs() - from;
}

async function run(context: BenchContext): Promise<void> {
  const { report, quick } = context;
  const { nats, events } = await bigStream(context);
  const stream = `a stream of ${events.toLocaleString('en')}`;
  const long = `${LONG_EVENTS.toLocaleString('en')} events out of ${stream}`;
  for (const what of ['nats-server has just started', 'again', 'again']) {
    const ms = await fromLog(nats);
    report.run('replay', `${long}, straight from the log, ${what}`, { ms, 'events/s': (LONG_EVENTS / ms) * 1_000 });
  }

  const client = startProgram<FoldingClientApi>('foldingClient', CORES?.load);
  context.defer(() => client.stop());
  const ratios: number[] = [];
  const logs: number[] = [];
  const firsts: number[] = [];
  const hellos: number[] = [];
  let joined = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const gateway = await startGateway(context, nats);
    await gateway.knows(LONG_SID);
    const { url, token } = gateway;
    // The first runs compile the code. Each run opens a session that this gateway has not read yet.
    for (let i = 0; i < (quick ? 8 : 14); i++) {
      const join = await client.call('open', { url, token, sid: otherSid(joined++) });
      if (i < 4) continue;
      firsts.push(join.firstEventMs);
      hellos.push(join.helloMs);
    }
    // Beside each replay, because the time that the disk takes changes from one minute to the next.
    const log = await fromLog(nats);
    logs.push(log);
    for (const what of ['without a viewer', 'once more', 'once more']) {
      const before = cpuSeconds(nats.pid) ?? Number.NaN;
      const gatewayBefore = cpuSeconds(gateway.pid) ?? Number.NaN;
      const one = await client.call('open', { url, token, sid: LONG_SID });
      const natsMs = ((cpuSeconds(nats.pid) ?? Number.NaN) - before) * 1_000;
      const gatewayMs = ((cpuSeconds(gateway.pid) ?? Number.NaN) - gatewayBefore) * 1_000;
      if (one.events !== LONG_EVENTS) throw new Error(`${one.events} events reached the client`);
      if (what === 'without a viewer') ratios.push(one.liveMs / log);
      report.run('replay', `${long}, log to gateway to client's fold, ${what}`, {
        'live ms': one.liveMs,
        'log ms': log,
        'hello ms': one.helloMs,
        'first event ms': one.firstEventMs,
        'events/s': (one.events / one.liveMs) * 1_000,
        'nats CPU ms': natsMs,
        'gateway CPU ms': gatewayMs,
        'client CPU ms': one.cpuSeconds * 1_000,
      });
    }
    await gateway.stop();
  }
  report.run('replay', `joining a session of ${stream} without a viewer`, {
    'hello p50 ms': median(hellos),
    'first frame p50 ms': median(firsts),
    'first frame p95 ms': quantile(firsts, 0.95),
  });
  const reach = (figure: string, most: number, reached: number) =>
    report.reach({ bench: 'replay', figure: `${figure}, ${stream}`, unit: '×', target: { most }, reached });
  reach('10,000 events: log → gateway → fold ÷ straight from the log', 1.2, median(ratios));
  reach('first frame on join, p95 ÷ the same', 0.25, quantile(firsts, 0.95) / median(logs));
}

export const replay: Bench = {
  name: 'replay',
  title: 'a session of 10,000 events inside a stream of a million',
  run,
};
