import { expect, it } from 'vitest';
import { MAX_PENDING_INPUTS, PendingInputs } from './inputs.js';

it('a prompt is delivered by its text, or as the only one on its way when pi rewrote it', () => {
  const inputs = new PendingInputs();
  inputs.add('a', 'prompt', 'hello');
  expect(inputs.delivered('hello')).toBe('a');
  inputs.add('b', 'prompt', '/template x');
  expect(inputs.delivered('the text of the template with x')).toBe('b');
  expect(inputs.delivered('said by an extension')).toBeUndefined();
});

it('what is queued is told apart by what the queue shows, same texts in their order', () => {
  const inputs = new PendingInputs();
  inputs.add('a', 'steer', '/skill:x');
  inputs.queueChanged(['the skill x'], []);
  inputs.add('b', 'followUp', 'same');
  inputs.queueChanged(['the skill x'], ['same']);
  inputs.add('c', 'prompt', 'same');
  inputs.queueChanged(['the skill x', 'same'], ['same']);
  expect(['the skill x', 'same', 'same'].map((text) => inputs.delivered(text))).toEqual(['a', 'b', 'c']);
});

it('what waits in the queue is not taken for handled, and is gone once the queue is cleared', () => {
  const inputs = new PendingInputs();
  inputs.add('a', 'steer', 'x');
  inputs.queueChanged(['x'], []);
  expect(inputs.handled('a')).toBeUndefined();
  expect(inputs.cleared()).toEqual(['a']);
  expect(inputs.delivered('x')).toBeUndefined();
});

it('is bounded: the oldest makes room', () => {
  const inputs = new PendingInputs();
  for (let n = 0; n < MAX_PENDING_INPUTS; n++) expect(inputs.add(`c${n}`, 'steer', 'x')).toEqual([]);
  expect(inputs.add('one more', 'steer', 'x')).toEqual(['c0']);
});
