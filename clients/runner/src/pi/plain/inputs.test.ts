import type { Author } from '@pizzapi/protocol';
import { errorInfo } from '@pizzapi/protocol';
import { expect, it } from 'vitest';
import { PlainInputs, type PlainInputsDeps, type Readiness } from './inputs.js';
import { PlainTimers } from './timers.js';

const ANN: Author = { userId: 'ann', via: 'owner' };

/** A plain pi that shows each text to its extensions, as pi does. */
function open(deps: Partial<PlainInputsDeps> = {}) {
  const sent: string[] = [];
  const failures: string[] = [];
  const state: { readiness: Readiness } = { readiness: 'rest' };
  const inputs: PlainInputs = new PlainInputs({
    timers: new PlainTimers((error) => {
      throw error;
    }),
    readiness: () => state.readiness,
    problem: () => undefined,
    send: (_input, text) => {
      sent.push(text);
      inputs.shown(text, false);
    },
    changed: () => undefined,
    failedLate: (what) => failures.push(what),
    ...deps,
  });
  const submit = (commandId: string, text: string) => inputs.submit({ commandId, text, by: ANN });
  return { inputs, sent, failures, state, submit };
}

it('a message is matched with the input or the typed text that it comes from, and with none of an extension', async () => {
  const { inputs, submit } = open();
  await submit('c1', 'dough');
  inputs.shown('cheese', true);
  inputs.shown('/recipe dough', true);
  expect(inputs.read('cheese')).toBe('typed');
  expect(inputs.read('dough')).toMatchObject({ commandId: 'c1' });
  // The text of a template is another one than its name.
  expect(inputs.read('A recipe with dough')).toBe('typed');
  expect(inputs.read('dough')).toBeUndefined();
});

it('an input for a model that cannot answer is refused', async () => {
  const error = errorInfo('model_unauthenticated');
  const { sent, submit } = open({ problem: () => error });
  expect(await submit('c1', 'dough')).toEqual({ kind: 'failed', error });
  expect(sent).toEqual([]);
});

it('an input waits where people can change it while pi takes none', async () => {
  const { inputs, sent, state, submit } = open();
  state.readiness = 'wait';
  expect(await submit('c1', 'dough')).toEqual({ kind: 'ok' });
  expect(inputs.find('c1')).toMatchObject({ text: 'dough' });
  state.readiness = 'rest';
  await expect.poll(() => sent).toEqual(['dough']);
});

it('an input that pi throws at stays in the queue, and the terminal shows why', async () => {
  const { inputs, failures, submit } = open({
    send: () => {
      throw new Error('stale');
    },
  });
  await submit('c1', 'dough');
  expect(inputs.find('c1')).toMatchObject({ text: 'dough' });
  expect(failures).toEqual(['stale']);
});
