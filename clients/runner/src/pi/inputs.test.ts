import { expect, it } from 'vitest';
import { MAX_PENDING_INPUTS, PendingInputs } from './inputs.js';

it('an input is matched by its text, or as the only one on its way when pi rewrote its text', () => {
  const inputs = new PendingInputs();
  inputs.add('a', 'prompt', 'hello');
  expect(inputs.delivered('hello')).toBe('a');
  inputs.add('b', 'prompt', '/template x');
  expect(inputs.delivered('the text of the template with x')).toBe('b');
  expect(inputs.delivered('said by an extension')).toBeUndefined();
});

it('queued inputs are matched by the texts of the queue, equal texts in their order', () => {
  const inputs = new PendingInputs();
  inputs.add('a', 'steer', '/skill:x');
  inputs.queueChanged(['the skill x'], []);
  inputs.add('b', 'followUp', 'same');
  inputs.queueChanged(['the skill x'], ['same']);
  inputs.add('c', 'prompt', 'same');
  inputs.queueChanged(['the skill x', 'same'], ['same']);
  expect(['the skill x', 'same', 'same'].map((text) => inputs.delivered(text))).toEqual(['a', 'b', 'c']);
});

it('an input in the queue is not handled, and it is dropped when the queue is cleared', () => {
  const inputs = new PendingInputs();
  inputs.add('a', 'steer', 'x');
  inputs.queueChanged(['x'], []);
  expect(inputs.handled('a')).toBeUndefined();
  expect(inputs.cleared()).toEqual(['a']);
  expect(inputs.delivered('x')).toBeUndefined();
});

it('the number of pending inputs is bounded, and the oldest is dropped', () => {
  const inputs = new PendingInputs();
  for (let n = 0; n < MAX_PENDING_INPUTS; n++) expect(inputs.add(`c${n}`, 'steer', 'x')).toEqual([]);
  expect(inputs.add('one more', 'steer', 'x')).toEqual(['c0']);
});
