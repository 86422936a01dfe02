import fc from 'fast-check';
import { expect, it } from 'vitest';
import { runnerLabels } from './runnerLabels.js';

const runner = (runnerId: string, name: string, kind: 'daemon' | 'tui' = 'daemon') => ({ runnerId, name, kind });

it('a runner is called by its name, and by its id when its name shows nothing', () => {
  const labels = runnerLabels([runner('laptop_ab12cd34', 'workshop'), runner('box_11112222', '\u200b')]);
  expect([...labels.values()]).toEqual(['workshop', 'box_11112222']);
});

it('runners with equal names also have the end of their id, and a terminal is told apart by its kind', () => {
  const labels = runnerLabels([
    runner('laptop_ab12cd34', 'laptop'),
    runner('laptop_ee12cd34', 'laptop'),
    runner('t1', 'laptop', 'tui'),
  ]);
  expect([...labels.values()]).toEqual(['laptop (b12cd34)', 'laptop (e12cd34)', 'laptop']);
});

it('no two runners of one kind have the same label, unless one is named like the label of another', () => {
  const ids = fc.uniqueArray(fc.stringMatching(/^[ab]{1,8}$/), { maxLength: 12 });
  fc.assert(
    fc.property(ids, (rids) => {
      const labels = runnerLabels(rids.map((rid) => runner(rid, 'laptop')));
      expect(new Set(labels.values()).size).toBe(rids.length);
    }),
  );
});
