import { describe, expect, it } from 'vitest';
import { localOwner } from '../auth/principal.js';
import { SessionLoader } from './sessionLoader.js';

const OWNERS: Readonly<Record<string, string>> = { mine: 'u_1', theirs: 'u_2' };
const person = { ...localOwner(), userId: 'u_1' };

/** A loader over a directory in which these sessions are loaded. Returns the reads that it makes. */
async function readsFor(sid: string, loaded: readonly string[]): Promise<string[]> {
  const reads: string[] = [];
  const known = new Set(loaded);
  const loader = new SessionLoader(
    {
      hold: () => () => undefined,
      isOwnerLoaded: (id) => known.has(id),
      loadOwner: async (id, again = false) => {
        if (known.has(id) && !again) return;
        known.add(id);
        reads.push('owner');
      },
      load: async () => void reads.push('row'),
    },
    {
      principalIn: (principal) => principal,
      modeIn: ({ userId }, id) => (OWNERS[id] === userId ? 'owner' : undefined),
    },
  );
  await loader.load(person, sid);
  return reads;
}

describe('a session that a request names', () => {
  it('of another account costs the same reads as one that does not exist, in memory or not', async () => {
    for (const loaded of [[], ['theirs'], ['none'], ['theirs', 'none']]) {
      expect(await readsFor('theirs', loaded)).toEqual(['owner']);
      expect(await readsFor('none', loaded)).toEqual(['owner']);
    }
  });

  it('is brought into memory whole for a person who may know it', async () => {
    expect(await readsFor('mine', [])).toEqual(['owner', 'row']);
    expect(await readsFor('mine', ['mine'])).toEqual(['row']);
  });
});
