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
    theirs.publish([viewer('a'), viewer('b')]);
    expect(mine.viewers()).toEqual([viewer('a'), viewer('b')]);
    expect(changed).toHaveBeenCalledTimes(1);
    expect(theirs.viewers()).toEqual([]);
    expect(another.viewers()).toEqual([]);
    theirs.publish([]);
    expect(mine.viewers()).toEqual([]);
    end();
  });

  it('is known to a gateway that opens the session later', () => {
    const { here, there, end } = twoGateways();
    there.open('s', vi.fn()).publish([viewer('a')]);
    expect(here.open('s', vi.fn()).viewers()).toEqual([viewer('a')]);
    end();
  });

  it('is known again after messages were missed', () => {
    const { bus, here, there, end } = twoGateways();
    const [mine, theirs] = [here.open('s', vi.fn()), there.open('s', vi.fn())];
    bus.lose(() => theirs.publish([viewer('a')]));
    expect(mine.viewers()).toEqual([]);
    bus.mend();
    expect(mine.viewers()).toEqual([viewer('a')]);
    end();
  });

  it('is forgotten when that gateway ends, or is not heard for some seconds', () => {
    const { bus, here, there, later, end } = twoGateways();
    const mine = here.open('s', vi.fn());
    const theirs = there.open('s', vi.fn());
    theirs.publish([viewer('a')]);
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
