import type { Backbone } from './connection.js';
import { migrateStateAccount } from './migrateStateAccount.js';
import { moveBlobs } from './moveBlobs.js';
import { provision } from './provision.js';
import type { StreamChange } from './provisionStream.js';
import type { ProvisionOptions } from './streams.js';

/** Like `provision`, and moves what earlier versions stored elsewhere. Needs the provisioner's login. */
export async function provisionStore(b: Backbone, options: ProvisionOptions = {}): Promise<StreamChange[]> {
  await migrateStateAccount(b);
  const changes = await provision(b, options);
  await moveBlobs(b);
  return changes;
}
