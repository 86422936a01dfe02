import type { Author } from '@pizzapi/protocol';
import { expect, it } from 'vitest';
import { authorText, bylineOf, type Viewpoint } from './author.js';

const ada: Viewpoint = { isGuest: false, userId: 'owner' };
const guest: Viewpoint = { isGuest: true, nameOf: (userId) => (userId === 'owner' ? 'Ada Lovelace' : undefined) };
const by = (via: Author['via'], fields: Partial<Author> = {}): Author => ({ userId: 'owner', via, ...fields });

it('says nothing of the person who looks, and names the owner to guests', () => {
  expect(authorText(undefined, ada)).toBeUndefined();
  expect(authorText(by('owner', { name: 'Ada' }), ada)).toBeUndefined();
  expect(authorText(by('owner', { name: 'Ada' }), guest)).toBe('Ada');
  expect(authorText(by('owner'), guest)).toBe('Ada Lovelace');
  expect(authorText(by('owner', { userId: 'u2' }), guest)).toBe('Owner');
});

it('marks the same person in a terminal or by a script', () => {
  expect(bylineOf(by('terminal', { name: 'Ada' }), ada)).toEqual({ name: 'You', channel: 'terminal' });
  expect(bylineOf(by('terminal', { name: 'Ada' }), guest)).toEqual({ name: 'Ada', channel: 'terminal' });
  expect(authorText(by('api'), ada)).toBe('You, via API');
});

it('tells guests, agents and PizzaPi itself apart from people of the account', () => {
  expect(authorText(by('collab', { userId: 'guest_x', name: 'Ann' }), ada)).toBe('Ann, via link');
  expect(authorText(by('collab', { userId: 'guest_x' }), guest)).toBe('Guest, via link');
  expect(authorText(by('agent', { userId: 's1' }), ada)).toBe('Another agent');
  expect(authorText(by('system', { userId: 'system' }), ada)).toBe('PizzaPi, automatic');
});
