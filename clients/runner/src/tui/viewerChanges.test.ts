import type { Presence } from '@pizzapi/protocol';
import { expect, it } from 'vitest';
import { viewerChanges, viewersOf } from './viewerChanges.js';

const own: Presence = { id: '0', userId: 'owner', mode: 'owner', name: 'Owner' };
const ada: Presence = { id: '1', userId: 'guest_1', mode: 'collab', name: 'Ada' };
const eve: Presence = { id: '2', userId: 'guest_2', mode: 'read', name: 'Eve\u001b[2J' };

it('a terminal reports each person who joins or leaves once, and not its own connection', () => {
  const none = viewersOf([own]);
  expect(none).toEqual([]);
  const both = viewersOf([own, ada, { ...ada, id: '3' }, eve]);
  expect(viewerChanges(none, both)).toEqual(['Ada (can write) joined', expect.stringMatching(/^Eve.* joined$/)]);
  expect(viewerChanges(none, both).join('')).not.toContain('\u001b');
  expect(viewerChanges(both, viewersOf([own, eve]))).toEqual(['Ada left']);
  expect(viewerChanges(both, both)).toEqual([]);
});

it('the owner on another device is one of the people who watch', () => {
  expect(viewersOf([own, { ...own, id: '4' }])).toMatchObject([{ mode: 'owner' }]);
});
