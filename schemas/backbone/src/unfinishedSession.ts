import { removeBlobs } from './blobRemoval.js';
import type { BlobPlace } from './blobStore.js';
import type { Backbone } from './connection.js';
import { forgetOwner } from './owners.js';
import { purgeSession } from './provision.js';
import { deleteRowsBelow } from './sessionRow.js';

/**
 * Removes a session whose making has failed, with the rows that the projector has written of its first events. Needs the
 * provisioner's login.
 */
export async function removeUnfinished(admin: Backbone, { userId, sid }: BlobPlace): Promise<void> {
  await purgeSession(admin, sid);
  await removeBlobs(admin, { userId, sid });
  await deleteRowsBelow(admin, userId, sid);
  await forgetOwner(admin, sid);
}
