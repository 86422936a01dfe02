import { expect, it } from 'vitest';
import { PromptResolutions } from './promptResolutions.js';

const ann = { userId: 'g', via: 'collab', name: 'Ann' };
const system = { userId: 'system', via: 'system' };
const opened = (dialogId: string, promptId?: string) => ({ type: 'dialog_opened', at: 1, dialogId, promptId });
const resolved = (dialogId: string, fields: object) => ({ type: 'dialog_resolved', at: 2, dialogId, ...fields });

function read(...events: unknown[]): PromptResolutions {
  const resolutions = new PromptResolutions();
  events.forEach((event) => resolutions.read(event));
  return resolutions;
}

it('knows who answered a prompt as a whole, whatever becomes of its dialog then', () => {
  const resolutions = read(
    opened('d', 'p'),
    resolved('p', { value: 'Gas', by: ann, outcome: 'answered' }),
    resolved('d', { by: system, outcome: 'cancelled' }),
  );
  expect(resolutions.of('p')).toMatchObject({ outcome: 'answered', value: 'Gas', by: ann });
  resolutions.forget('p');
  expect(resolutions.of('p')).toBeUndefined();
});

it('takes the last step of a prompt for its end', () => {
  const answered = { value: 'A', by: ann, outcome: 'answered' };
  const steps = [opened('d1', 'p'), resolved('d1', answered), opened('d2', 'p')];
  expect(read(...steps, resolved('d2', { by: system, outcome: 'timed_out' })).of('p')?.outcome).toBe('timed_out');
  expect(read(...steps, resolved('d2', { by: ann })).of('p')).toMatchObject({ outcome: 'cancelled', by: ann });
});

it('passes over what is no such event', () => {
  expect(read(undefined, 7, {}, { type: 'dialog_resolved' }, { type: 'x', dialogId: 'p' }).of('p')).toBeUndefined();
});
