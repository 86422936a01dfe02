import { describe, expect, it } from 'vitest';
import { createTranscript, foldTranscript, inputsOnTheirWay, queuedInputs, stepInQueue } from './index.js';

const fold = (...events: object[]) =>
  foldTranscript(
    createTranscript(),
    events.map((event, index) => [index + 1, { at: 1, ...event }] as const),
  );
const ann = { userId: 'ann', via: 'owner' };
const bob = { userId: 'guest_sh_bob', via: 'collab', name: 'Bob' };
const received = (commandId: string, text: string, by: object = ann) => ({
  ...{ type: 'input_received', commandId, text, by, deliverAs: 'followUp' },
});
const queue = (...items: object[]) => ({ type: 'queue_update', steering: [], followUp: ['x'], items });
const entry = (commandId: string) => ({ commandId, deliverAs: 'followUp' });
const texts = (...events: object[]) => queuedInputs(fold(...events)).map(({ text }) => text);
const withdrawn = (commandId: string, by: object) => ({
  ...{ type: 'input_dropped', commandId, by, error: { code: 'input_withdrawn', message: 'Taken out' } },
});

describe('the queue in the transcript', () => {
  it('the queue is the list of its host, in its order, with the texts and authors of the inputs', () => {
    const t = fold(received('a', 'one'), received('b', 'two', bob), received('c', 'three'), {
      ...queue(entry('b'), { deliverAs: 'followUp', text: 'from an extension' }, entry('a'), entry('not loaded')),
    });
    expect(queuedInputs(t)).toEqual([
      { commandId: 'b', text: 'two', by: bob, deliverAs: 'followUp' },
      { text: 'from an extension', deliverAs: 'followUp' },
      { commandId: 'a', text: 'one', by: ann, deliverAs: 'followUp' },
    ]);
    expect(inputsOnTheirWay(t).map(({ commandId }) => commandId)).toEqual(['c']);
  });

  it('an input whose first event is not loaded is in the queue with the text and the author that its host repeats', () => {
    const item = { ...entry('a'), text: 'one', by: bob };
    expect(queuedInputs(fold(queue(item)))).toEqual([item]);
  });

  it('an edited input has its new text in the queue', () => {
    const edited = { type: 'input_edited', commandId: 'a', text: 'uno', by: ann };
    expect(texts(received('a', 'one'), queue(entry('a')), edited)).toEqual(['uno']);
  });

  it('an input that its author took out leaves no notice; one that another person took out leaves one', () => {
    const own = fold(received('a', 'one'), withdrawn('a', { ...ann, via: 'api' }));
    expect([own.items, own.pendingInputs]).toEqual([[], []]);
    const other = fold(received('a', 'one', bob), withdrawn('a', { ...ann, name: 'Ann' }));
    expect(other.items).toMatchObject([{ level: 'info', text: 'Ann took a message out of the queue: “one”' }]);
    const ended = fold(received('a', 'one', bob), { ...withdrawn('a', bob), by: undefined });
    expect(ended.items).toMatchObject([{ level: 'error', text: 'Taken out' }]);
  });

  it('the queue of an earlier host is the list of its texts, without ids', () => {
    const old = { type: 'queue_update', steering: ['first'], followUp: ['then'] };
    const t = fold(received('a', 'then'), received('b', 'on its way'), old);
    expect(queuedInputs(t)).toEqual([
      { text: 'first', deliverAs: 'steer' },
      { text: 'then', deliverAs: 'followUp' },
    ]);
    expect(inputsOnTheirWay(t).map(({ commandId }) => commandId)).toEqual(['b']);
  });

  it('an input moves one place up or down, past entries without an id', () => {
    const list = ['a', undefined, 'b', 'c'].map((commandId) => ({
      ...{ text: 'x', deliverAs: 'steer' as const },
      ...(commandId === undefined ? {} : { commandId }),
    }));
    const steps = (step: 'up' | 'down') => ['a', 'b', 'c', 'gone'].map((id) => stepInQueue(list, id, step));
    expect(steps('up')).toEqual([undefined, { inputId: 'b', before: 'a' }, { inputId: 'c', before: 'b' }, undefined]);
    expect(steps('down')).toEqual([{ inputId: 'a', before: 'c' }, { inputId: 'b' }, undefined, undefined]);
  });
});
