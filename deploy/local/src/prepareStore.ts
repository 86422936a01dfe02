import { connectBackbone, migrateStateAccount, moveBlobs, provision, type ProvisionOptions } from '@pizzapi/backbone';
import type { NatsAccess } from './home.js';
import { ensureOwner, ensureRunnerToken } from './runnerToken.js';

/**
 * Creates, as the administrator, missing streams and buckets, the owner's account and a token for runners. `save` receives
 * the token before it becomes valid.
 */
export async function prepareStore(
  { url, users }: NatsAccess,
  { storage, partitions }: { storage: ProvisionOptions; partitions: number },
  knownToken: string | undefined,
  save: (token: string) => Promise<void>,
): Promise<void> {
  const admin = await connectBackbone({
    url: url.split(','),
    name: 'pizzapi-provisioner',
    nkey: users.admin.nkeySeed,
    provisioner: true,
    partitions,
  });
  try {
    await migrateStateAccount(admin);
    await provision(admin, storage);
    await moveBlobs(admin);
    await ensureOwner(admin);
    await ensureRunnerToken(admin, knownToken, save);
  } finally {
    await admin.close();
  }
}
