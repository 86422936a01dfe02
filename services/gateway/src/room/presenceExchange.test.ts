import type { Presence } from '@pizzapi/protocol';
import { describe, expect, it, vi } from 'vitest';
import { MemoryBus } from '../testing/memoryBus.js';
import { PresenceExchange } from './presenceExchange.js';

const viewer = (id: string): Presence => ({ id, userId: 'u_1', mode: 'owner' });

function twoGateways() {
  let now = 0;
  const bus = new MemoryBus();
  const gateways = [1, 2].map(() => new PresenceExchange(bus, () => now));
  for (const gateway of gateways) gateway.start();
  const [here, there] = gateways as [PresenceExchange, PresenceExchange];
  return { bus, here, there, later: (ms: number) => (now += ms), end: () => gateways.forEach((each) => each.stop()) };
}

describe('who watches a session at another gateway', () => {
  it('is known as soon as it is published there, and not of other sessions', () => {
    const { here, there, end } = twoGateways();
    const changed = vi.fn();
    const [mine, theirs] = [here.open('s', changed), there.open('s', vi.fn())];
    const another = here.open('t', vi.fn());
    theirs.publish([viewer('a'), viewer('b')], 2);
    expect(mine.viewers()).toEqual([viewer('a'), viewer('b')]);
    expect(changed).toHaveBeenCalledTimes(1);
    expect(theirs.viewers()).toEqual([]);
    expect(another.viewers()).toEqual([]);
    theirs.publish([], 0);
    expect(mine.viewers()).toEqual([]);
    end();
  });

  it('is known to a gateway that opens the session later', () => {
    const { here, there, end } = twoGateways();
    there.open('s', vi.fn()).publish([viewer('a')], 1);
    expect(here.open('s', vi.fn()).viewers()).toEqual([viewer('a')]);
    end();
  });

  it('is known again after messages were missed', () => {
    const { bus, here, there, end } = twoGateways();
    const [mine, theirs] = [here.open('s', vi.fn()), there.open('s', vi.fn())];
    bus.lose(() => theirs.publish([viewer('a')], 1));
    expect(mine.viewers()).toEqual([]);
    bus.mend();
    expect(mine.viewers()).toEqual([viewer('a')]);
    end();
  });

  it('is forgotten when that gateway ends, or is not heard for some seconds', () => {
    const { bus, here, there, later, end } = twoGateways();
    const mine = here.open('s', vi.fn());
    const theirs = there.open('s', vi.fn());
    theirs.publish([viewer('a')], 1);
    for (let i = 0; i < 5; i++) {
      later(1_000);
      there.beat();
      here.beat();
    }
    expect(mine.viewers()).toEqual([viewer('a')]);
    later(3_600);
    here.beat();
    expect(mine.viewers()).toEqual([]);
    // It was only slow: the next beat brings its list back.
    there.beat();
    expect(mine.viewers()).toEqual([viewer('a')]);
    bus.lose(() => there.beat());
    there.stop();
    expect(mine.viewers()).toEqual([]);
    end();
  });

  it('is unchanged by a message of another shape', () => {
    const { bus, here, end } = twoGateways();
    const mine = here.open('s', vi.fn());
    for (const message of [null, 7, {}, { from: 'g' }, { from: 'g', viewers: 'all' }, { from: 'g', viewers: [{}] }])
      bus.send('gateway.presence.s', message as object);
    expect(mine.viewers()).toEqual([]);
    end();
  });
});

describe('how many watch a session at other gateways', () => {
  function beating() {
    const stage = twoGateways();
    const beat = () => [stage.here, stage.there].forEach((gateway) => gateway.beat());
    return { ...stage, beat };
  }

  it('is counted with the next beat for every session, also one that is not open here', () => {
    const { here, there, beat, end } = beating();
    const theirs = there.open('s', vi.fn());
    theirs.publish([viewer('a')], 70);
    there.open('t', vi.fn()).publish([viewer('b')], 1);
    beat();
    expect([here.countElsewhere('s'), here.countElsewhere('t'), here.countElsewhere('u')]).toEqual([70, 1, 0]);
    expect(there.countElsewhere('s')).toBe(0);
    theirs.publish([], 0);
    beat();
    expect([here.countElsewhere('s'), here.countElsewhere('t')]).toEqual([0, 1]);
    end();
  });

  it('is counted by a gateway that starts later, and again after messages were missed', () => {
    const { bus, here, there, beat, end } = beating();
    there.open('s', vi.fn()).publish([viewer('a')], 2);
    beat();
    const late = new PresenceExchange(bus, () => 0);
    late.start();
    late.beat();
    beat();
    expect(late.countElsewhere('s')).toBe(2);
    bus.lose(() => {
      there.open('t', vi.fn()).publish([viewer('b')], 5);
      beat();
    });
    expect(here.countElsewhere('t')).toBe(0);
    bus.mend();
    beat();
    beat();
    expect([here.countElsewhere('s'), here.countElsewhere('t')]).toEqual([2, 5]);
    late.stop();
    end();
  });

  it('is not counted for a gateway that has ended, nor from counts of another shape', () => {
    const { bus, here, there, beat, end } = beating();
    there.open('s', vi.fn()).publish([viewer('a')], 2);
    beat();
    bus.send('gateway.alive', { from: 'g', counts: { s: -1, t: 'many', u: 1.5 } });
    expect(['s', 't', 'u'].map((sid) => here.countElsewhere(sid))).toEqual([2, 0, 0]);
    there.stop();
    expect(here.countElsewhere('s')).toBe(0);
    end();
  });

  it('comes in several beats when there are more sessions than fit into one', () => {
    const { here, there, beat, end } = beating();
    for (let i = 0; i < 3_000; i++) there.open(`s${i}`, vi.fn()).publish([viewer('a')], 1);
    const counted = () => Array.from({ length: 3_000 }, (_, i) => here.countElsewhere(`s${i}`)).filter(Boolean).length;
    beat();
    expect(counted()).toBe(2_000);
    beat();
    expect(counted()).toBe(3_000);
    end();
  });
});
