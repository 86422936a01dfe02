import { describe, expect, it } from 'vitest';
import { localOwner, type Principal } from '../auth/principal.js';
import { JOIN_WINDOW_MS, Joins, JOINS_TOLD_APART } from './joins.js';

const guest = (name = 'Bob', ip = '10.0.0.1'): Principal => ({
  ...{ userId: 'guest_1', name, role: 'guest', via: 'collab', ip },
  ...{ credential: { kind: 'share', id: '1' }, share: { sid: 's', mode: 'read' } },
});

function joins() {
  let now = 0;
  const rows: string[] = [];
  const made = new Joins({
    audit: (_, { mode, count }) => rows.push(row(String(mode), count as number | undefined)),
    now: () => now,
  });
  return { made, rows, pass: (ms: number) => (now += ms) };
}
const row = (mode: string, count = 0) => `${mode} ${count}`;

describe('rows of who opened a session', () => {
  it('are written at once the first time, and then counted until the window is over', () => {
    const { made, rows, pass } = joins();
    for (let n = 0; n < 1_000; n++) made.note(guest(), 's', 'read');
    expect(rows).toEqual([row('read')]);
    pass(JOIN_WINDOW_MS);
    made.note(guest(), 's', 'read');
    expect(rows).toEqual([row('read'), row('read', 999), row('read')]);
    made.stop();
    expect(rows).toHaveLength(3);
  });

  it('tell people, sessions and modes apart', () => {
    const { made, rows } = joins();
    made.note(guest(), 's', 'read');
    made.note(guest(), 's', 'collab');
    made.note(guest('Eve'), 's', 'read');
    made.note(guest(), 't', 'read');
    made.note({ ...localOwner(), name: 'Ada' }, 's', 'owner');
    expect(rows).toHaveLength(5);
  });

  it('are bounded, by whatever names and from whatever addresses a guest comes', () => {
    const { made, rows } = joins();
    for (let n = 0; n < 500; n++) made.note(guest(`Bob ${n}`, `10.0.${n % 200}.1`), 's', 'read');
    expect(rows).toHaveLength(JOINS_TOLD_APART + 1);
    made.stop();
    const counted = rows.flatMap((each) => / ([1-9]\d*)$/.exec(each)?.[1] ?? []).map(Number);
    expect(rows.filter((each) => each.endsWith(' 0')).length + counted.reduce((a, b) => a + b, 0)).toBe(500);
  });

  it('lose no count when the gateway stops', () => {
    const { made, rows } = joins();
    for (let n = 0; n < 3; n++) made.note(guest(), 's', 'read');
    made.stop();
    expect(rows.at(-1)).toBe(row('read', 2));
  });
});
