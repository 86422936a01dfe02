import { expect, it } from 'vitest';
import { initials, watchersOf } from './viewers.js';

it('everybody who watches is listed once, the owner first, with the tabs they have open', () => {
  const viewers = [
    { id: '1', userId: 'guest_x', mode: 'read', name: 'Bob' },
    { id: '2', userId: 'guest_x', mode: 'read', name: 'Ann' },
    { id: '3', userId: 'owner', mode: 'owner' },
    { id: '4', userId: 'guest_y', mode: 'collab', name: 'Zoe' },
    { id: '5', userId: 'owner', mode: 'owner' },
    { id: '7', userId: 'guest_z', mode: 'approve', name: 'Zora' },
    { id: '6', userId: 'guest_x', mode: 'read' },
  ] as const;
  const shown = watchersOf(viewers, 'owner').map(({ name, mode, you, tabs }) => [name, mode, you, tabs]);
  expect(shown).toEqual([
    ['Owner', 'owner', true, 2],
    ['Zora', 'approve', false, 1],
    ['Zoe', 'collab', false, 1],
    ['Ann', 'read', false, 1],
    ['Bob', 'read', false, 1],
    ['Guest', 'read', false, 1],
  ]);
});

it.each([
  ['Ann', 'A'],
  ['Ada King Lovelace', 'AL'],
  ['  ', '?'],
  ['🍕 pizza', '🍕P'],
])('%s is shown as %s', (name, letters) => {
  expect(initials(name)).toBe(letters);
});
