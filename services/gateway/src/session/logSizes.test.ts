import fc from 'fast-check';
import { expect, it } from 'vitest';
import { AccountLogSizes } from './logSizes.js';

const sid = fc.constantFrom('s1', 's2', 's3');
const owner = fc.option(fc.constantFrom('ann', 'bob'), { nil: undefined });

it('an account has what its sessions have, in whatever order sizes and owners come and go', () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('set' as const), sid, bytes: fc.nat(1_000), userId: owner }),
    fc.record({ kind: fc.constant('owner' as const), sid, userId: owner }),
    fc.record({ kind: fc.constant('delete' as const), sid }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const sizes = new AccountLogSizes();
      const model = new Map<string, { bytes: number; userId: string | undefined }>();
      for (const one of steps) {
        if (one.kind === 'set') {
          sizes.set(one.sid, one.bytes, one.userId);
          model.set(one.sid, one);
        } else if (one.kind === 'owner') {
          sizes.setOwner(one.sid, one.userId);
          const known = model.get(one.sid);
          if (known !== undefined) model.set(one.sid, { ...known, userId: one.userId });
        } else {
          sizes.delete(one.sid);
          model.delete(one.sid);
        }
      }
      for (const userId of ['ann', 'bob']) {
        const sum = [...model.values()]
          .filter((each) => each.userId === userId)
          .reduce((all, { bytes }) => all + bytes, 0);
        expect(sizes.ofAccount(userId)).toBe(sum);
      }
      for (const id of ['s1', 's2', 's3']) expect(sizes.ofSession(id)).toBe(model.get(id)?.bytes ?? 0);
    }),
  );
});
