import { describe, expect, it } from 'vitest';
import type { Author } from './events.js';
import { isDroppedByStop, queueChangeProblem, type QueueChange } from './queueRights.js';

const ANN: Author = { userId: 'ann', via: 'owner' };
const ANNS_AGENT: Author = { userId: 'ann', via: 'agent' };
const BOB: Author = { userId: 'guest_sh_bob', via: 'collab', name: 'Bob' };
const EVE: Author = { userId: 'guest_sh_eve', via: 'collab', name: 'Eve', right: 'approve' };
const CHANGES: QueueChange[] = ['edit', 'remove', 'move', 'send_now'];
const allowed = (by: Author, author: Author | undefined) =>
  CHANGES.filter((change) => queueChangeProblem(by, author, change) === undefined);

describe('the rights on an input in the queue', () => {
  it('a guest may change only inputs of the same guest, whatever the link allows', () => {
    for (const guest of [BOB, EVE]) {
      expect(allowed(guest, guest)).toEqual(CHANGES);
      for (const author of [ANN, ANNS_AGENT, guest === BOB ? EVE : BOB, undefined])
        expect(allowed(guest, author)).toEqual([]);
    }
    // A user id that looks like that of a guest makes no author a guest.
    expect(allowed(BOB, { ...ANN, userId: BOB.userId })).toEqual([]);
  });

  it('the owner may edit only own words, and may remove, move and send the inputs of others', () => {
    expect(allowed(ANN, { ...ANN, via: 'api' })).toEqual(CHANGES);
    for (const author of [BOB, ANNS_AGENT, undefined]) expect(allowed(ANN, author)).toEqual(CHANGES.slice(1));
  });

  it('a stop that drops the queue takes out the inputs of people that its sender may remove', () => {
    expect([ANN, BOB, ANNS_AGENT, undefined].map((author) => isDroppedByStop(ANN, author))).toEqual([
      ...[true, true, false, false],
    ]);
    expect([ANN, BOB, EVE].map((author) => isDroppedByStop(BOB, author))).toEqual([false, true, false]);
  });
});
