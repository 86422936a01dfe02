import { connectBackbone, provisionStore, type ProvisionOptions } from '@pizzapi/backbone';
import { splitAddresses } from '@pizzapi/protocol';
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
    url: splitAddresses(url),
    name: 'pizzapi-provisioner',
    nkey: users.admin.nkeySeed,
    provisioner: true,
    partitions,
  });
  try {
    await provisionStore(admin, storage);
    await ensureOwner(admin);
    await ensureRunnerToken(admin, knownToken, save);
  } finally {
    await admin.close();
  }
}
