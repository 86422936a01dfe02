import { expect, it } from 'vitest';
import { planText } from './planText.js';

it('a plan is formatted as a text that a person can edit', () => {
  const steps = [{ title: 'Knead', description: 'long' }, { title: 'Bake' }];
  expect(planText({ title: 'Pizza', steps })).toBe('# Pizza\n\n1. Knead\n   long\n2. Bake');
  expect(planText({ title: 'Pizza', description: 'Hot.' })).toBe('# Pizza\n\nHot.');
});
