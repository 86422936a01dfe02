import { expect, it } from 'vitest';
import { MemoryBus } from '../testing/memoryBus.js';
import { RecentSpawns } from './recentSpawns.js';
import { SpawnAnnouncements } from './spawnAnnouncements.js';

const SPAWN = { userId: 'u_1', runnerId: 'r_1' };

function gateways(isOwned = (_sid: string) => false) {
  const bus = new MemoryBus();
  const make = () => {
    const recent = new RecentSpawns();
    const announcements = new SpawnAnnouncements(bus, recent, isOwned);
    announcements.start();
    return { recent, announcements };
  };
  return { bus, here: make(), there: make() };
}

it('a session that was requested at one gateway is known at the others until it fails to start', () => {
  const { here, there } = gateways();
  here.announcements.add('s_1', SPAWN);
  expect(here.recent.get('s_1')).toEqual(SPAWN);
  expect(there.recent.get('s_1')).toEqual(SPAWN);
  here.announcements.remove('s_1');
  expect(there.recent.get('s_1')).toBeUndefined();
});

it('an announcement that comes after the session has an owner, or has another shape, changes nothing', () => {
  const { bus, here, there } = gateways((sid) => sid === 's_1');
  here.announcements.add('s_1', SPAWN);
  expect(there.recent.get('s_1')).toBeUndefined();
  for (const message of [null, 'x', {}, { from: 'g', sid: 7 }]) bus.send('gateway.spawns', message as object);
  bus.send('gateway.spawns', { from: 'g', sid: 's_2' });
  expect(there.recent.get('s_2')).toBeUndefined();
});
