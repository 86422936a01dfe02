import { expect, it } from 'vitest';
import { MAX_PENDING_INPUTS, PendingInputs, type Lane } from './inputs.js';

const input = (commandId: string, deliverAs: Lane, text: string) => ({ commandId, deliverAs, text });

it('an input is matched by its text, or as the only one on its way when pi rewrote its text', () => {
  const inputs = new PendingInputs();
  inputs.add(input('a', 'prompt', 'hello'));
  expect(inputs.delivered('hello')).toBe('a');
  inputs.add(input('b', 'prompt', '/template x'));
  expect(inputs.delivered('the text of the template with x')).toBe('b');
  expect(inputs.delivered('said by an extension')).toBeUndefined();
});

it('queued inputs are matched by the texts of the queue, equal texts in their order', () => {
  const inputs = new PendingInputs();
  inputs.add(input('a', 'steer', '/skill:x'));
  inputs.queueChanged(['the skill x'], []);
  inputs.add(input('b', 'followUp', 'same'));
  inputs.queueChanged(['the skill x'], ['same']);
  inputs.add(input('c', 'prompt', 'same'));
  inputs.queueChanged(['the skill x', 'same'], ['same']);
  expect(['the skill x', 'same', 'same'].map((text) => inputs.delivered(text))).toEqual(['a', 'b', 'c']);
});

it('an input in the queue is not handled, and it is dropped when the queue is cleared', () => {
  const inputs = new PendingInputs();
  inputs.add(input('a', 'steer', 'x'));
  inputs.queueChanged(['x'], []);
  expect(inputs.handled('a')).toBeUndefined();
  expect(inputs.cleared().map(({ commandId }) => commandId)).toEqual(['a']);
  expect(inputs.delivered('x')).toBeUndefined();
});

it('the number of pending inputs is bounded, and the oldest is dropped', () => {
  const inputs = new PendingInputs();
  for (let n = 0; n < MAX_PENDING_INPUTS; n++) expect(inputs.add(input(`c${n}`, 'steer', 'x'))).toEqual([]);
  expect(inputs.add(input('one more', 'steer', 'x'))).toEqual(['c0']);
});

it('the inputs behind the last texts of the queue are found, also beside texts of an extension and equal texts', () => {
  const inputs = new PendingInputs();
  inputs.add(input('a', 'steer', 'same'));
  inputs.queueChanged(['same'], []);
  inputs.queueChanged(['same', 'from an extension'], []);
  inputs.add(input('b', 'steer', 'same'));
  inputs.queueChanged(['same', 'from an extension', 'same'], []);
  const ids = (texts: string[]) => inputs.behind('steer', texts).map((found) => found?.commandId);
  expect(ids(['same', 'from an extension', 'same'])).toEqual(['a', undefined, 'b']);
  expect(ids(['from an extension', 'same'])).toEqual([undefined, 'b']);
});
