import { expect, it } from 'vitest';
import { MAX_PENDING_INPUTS, PendingInputs, type Lane } from './inputs.js';

const input = (commandId: string, deliverAs: Lane, text: string) => ({ commandId, deliverAs, text });

it('an input waits until the agent reads it, and is delivered once', () => {
  const inputs = new PendingInputs();
  inputs.add(input('a', 'prompt', '/template x'));
  expect(inputs.delivered('a')).toBe(true);
  expect(inputs.delivered('a')).toBe(false);
  expect(inputs.delivered('said by an extension')).toBe(false);
});

it('an input in the queue is not handled, and it is dropped when the queue is cleared', () => {
  const inputs = new PendingInputs();
  const waits = input('a', 'steer', 'x');
  inputs.add(waits);
  inputs.queueChanged(['x'], [], waits);
  expect(inputs.handled('a')).toBe(false);
  expect(inputs.cleared().map(({ commandId }) => commandId)).toEqual(['a']);
  expect(inputs.delivered('a')).toBe(false);
});

it('the number of pending inputs is bounded, and the oldest is dropped', () => {
  const inputs = new PendingInputs();
  for (let n = 0; n < MAX_PENDING_INPUTS; n++) expect(inputs.add(input(`c${n}`, 'steer', 'x'))).toEqual([]);
  expect(inputs.add(input('one more', 'steer', 'x'))).toEqual(['c0']);
});

it('the inputs behind the last texts of the queue are found, also beside texts of an extension and equal texts', () => {
  const inputs = new PendingInputs();
  const [a, b] = [input('a', 'steer', 'same'), input('b', 'steer', '/skill:x')];
  inputs.add(a);
  inputs.queueChanged(['same'], [], a);
  inputs.add(b);
  // An extension queues the same text while another input is on its way.
  inputs.queueChanged(['same', 'same'], [], undefined);
  inputs.queueChanged(['same', 'same', 'the skill x'], [], b);
  const ids = (texts: string[]) => inputs.behind('steer', texts).map((found) => found?.commandId);
  expect(ids(['same', 'same', 'the skill x'])).toEqual(['a', undefined, 'b']);
  expect(ids(['same', 'the skill x'])).toEqual([undefined, 'b']);
  inputs.delivered('a');
  inputs.queueChanged(['same', 'the skill x'], [], undefined);
  expect(ids(['same', 'the skill x'])).toEqual([undefined, 'b']);
});
