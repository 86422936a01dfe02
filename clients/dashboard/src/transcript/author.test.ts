import { expect, it } from 'vitest';
import { authorLabel } from './author.js';

it('who wrote something is named, unless it was the person who looks', () => {
  expect(authorLabel(undefined, false)).toBeUndefined();
  expect(authorLabel({ userId: 'owner', via: 'owner', name: 'Ada' }, false)).toBeUndefined();
  expect(authorLabel({ userId: 'owner', via: 'owner', name: 'Ada' }, true)).toBe('Ada');
  expect(authorLabel({ userId: 'owner', via: 'owner' }, true)).toBe('Owner');
  expect(authorLabel({ userId: 'guest_x', via: 'collab', name: 'Ann' }, false)).toBe('Ann, via link');
  expect(authorLabel({ userId: 'guest_x', via: 'collab' }, true)).toBe('Guest, via link');
  expect(authorLabel({ userId: 'owner', via: 'api' }, false)).toBe('Via API');
});
