import { expect, it } from 'vitest';
import { OpenPrompts } from './openPrompts.js';

const oven = { id: 'q1', title: 'Which oven?' };
const flour = { id: 'q2', title: 'Which flour?' };

it('a prompt that was answered before the session was opened is no news, however its log is read', () => {
  const prompts = new OpenPrompts();
  prompts.look([oven], false);
  expect(prompts.look([], true).ended).toEqual([]);
  prompts.look([flour], true);
  expect(prompts.look([], true).ended).toEqual([flour]);
});

it('a prompt that waited at the present is news when it waits no more, and one that appears is new', () => {
  const prompts = new OpenPrompts();
  expect(prompts.look([oven], true).begun).toEqual([oven]);
  expect(prompts.has('q1')).toBe(true);
  expect(prompts.look([flour], true)).toEqual({ begun: [flour], ended: [oven] });
});
