import { connectBackbone, tail, type Tail } from '@pizzapi/backbone';
import { nowMs } from '../harness/clock.js';
import { serveParent } from '../harness/program.js';
import { Histogram } from '../harness/stats.js';

/** Follows sessions in the log itself, without a gateway: what the latency of a viewer is compared with. */
const tails: Tail[] = [];
let latency = new Histogram();

const handlers = {
  /** Follows each session after its offset. `timeOffset`: the position of the time in the bytes of an event. */
  follow: async ({ natsUrl, starts, timeOffset }: FollowArgs) => {
    const b = await connectBackbone({ url: natsUrl, name: 'bench-follower' });
    const following = Object.entries(starts).map(([sid, after]) =>
      tail(b, sid, {
        after,
        onEvents: (batch) => {
          const now = nowMs();
          for (const { payload } of batch) latency.add(now - timeIn(payload, timeOffset));
        },
      }),
    );
    tails.push(...(await Promise.all(following)));
  },
  reset: () => {
    latency = new Histogram();
  },
  latency: () => latency.cells,
};

interface FollowArgs {
  natsUrl: string;
  starts: Record<string, number>;
  timeOffset: number;
}

function timeIn(payload: Uint8Array, offset: number): number {
  return new DataView(payload.buffer, payload.byteOffset, payload.byteLength).getFloat64(offset);
}

export type LogFollowerApi = typeof handlers;
serveParent(handlers);
