import { tail, type StoredEvent } from '@pizzapi/backbone';
import { decode, isMap } from '@pizzapi/protocol';
import type { Bench, BenchContext } from '../harness/bench.js';
import { eventually } from '../harness/clock.js';
import { createSession, runnerOf, startBenchStack } from '../harness/localStack.js';

const SIZES = [65_536, 131_072];

interface Counted {
  log: number;
  blobs: number;
  deltas: number;
  deltaCount: number;
  deltaText: number;
}

async function run(context: BenchContext): Promise<void> {
  const { report } = context;
  const stage = await startBenchStack(context, { PIZZAPI_DEMO_SPEED: 'human' });
  const b = await stage.connect('auditor');
  const runnerId = await runnerOf(stage);
  const results: Counted[] = [];
  for (const size of SIZES) {
    const sid = await createSession(stage, { runnerId, cwd: stage.project, model: 'demo/demo' });
    const counted: Counted = { log: 0, blobs: 0, deltas: 0, deltaCount: 0, deltaText: 0 };
    let isCounting = false;
    let over = false;
    const following = await tail(b, sid, {
      after: 0,
      onEvents: (events) => {
        for (const event of events) {
          isCounting ||= event.type === 'input_received';
          if (isCounting && !over) countEvent(counted, event);
          over ||= isCounting && event.type === 'agent_end';
        }
      },
      onDelta: (bytes) => countDelta(counted, bytes),
    });
    await stage.api('POST', `/api/sessions/${sid}/input`, { text: `/demo long ${size}` });
    if (!(await eventually(() => over, 60_000, 50))) throw new Error('the answer did not end');
    await following.stop();
    await stage.api('DELETE', `/api/sessions/${sid}`);
    if (counted.deltaText !== size)
      throw new Error(`the deltas held ${counted.deltaText} characters instead of ${size}`);
    results.push(counted);
    report.run('bytes', `one streamed answer of ${size.toLocaleString('en')} characters`, {
      'log ÷ text': (counted.log + counted.blobs) / size,
      'deltas ÷ text': counted.deltas / size,
      deltas: counted.deltaCount,
      'log bytes': counted.log,
      'blob bytes': counted.blobs,
    });
  }
  const [small, large] = results as [Counted, Counted];
  const log = ({ log, blobs }: Counted) => log + blobs;
  const reach = (figure: string, most: number, reached: number) =>
    report.reach({ bench: 'bytes', figure, unit: '×', target: { most }, reached });
  reach('log bytes ÷ text of a streamed answer', 1.1, Math.max(log(small) / SIZES[0]!, log(large) / SIZES[1]!));
  reach('deltas ÷ text of a streamed answer', 1.6, Math.max(small.deltas / SIZES[0]!, large.deltas / SIZES[1]!));
  reach('log bytes when the text doubles', 2.1, log(large) / log(small));
  reach('delta bytes when the text doubles', 2.1, large.deltas / small.deltas);
}

function countEvent(counted: Counted, event: StoredEvent): void {
  counted.log += event.payload.byteLength;
  const value = decode(event.payload);
  const blobs = isMap(value) && Array.isArray(value['blobs']) ? (value['blobs'] as { size: number }[]) : [];
  for (const { size } of blobs) counted.blobs += size;
}

function countDelta(counted: Counted, bytes: Uint8Array): void {
  const delta = decode(bytes);
  if (!isMap(delta) || delta['type'] !== 'text_delta') return;
  counted.deltas += bytes.byteLength;
  counted.deltaCount++;
  counted.deltaText += String(delta['text']).length;
}

export const bytes: Bench = { name: 'bytes', title: 'bytes in the log and in deltas per byte of streamed text', run };
