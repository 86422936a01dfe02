import { openHome, prepareStore, readNatsAccess, writeNatsAccess } from '@pizzapi/local';
import { STORAGE_OPTIONS, storageLimitsOf } from '@pizzapi/backbone';
import { defineOptions, OPTIONS, readOptions, readPrivateFile, runService } from '@pizzapi/process';
import { CodedError, isMap, stringAt } from '@pizzapi/protocol';

/** The variables of the provisioning that the chart sets. */
const PROVISION_OPTIONS = defineOptions({
  partitions: OPTIONS.partitions,
  replicas: OPTIONS.replicas,
  ...STORAGE_OPTIONS,
});

/**
 * Provisions the nodes of a home once and ends: the streams and buckets, the account of the owner, and the token of the
 * runners, which it writes to the home.
 */
await runService(
  'provision',
  async ({ env }) => {
    const home = await openHome(env['PIZZAPI_HOME'] ?? '');
    const stored = await readPrivateFile(home.natsAccessFile);
    const url = isMap(stored) ? stringAt(stored, 'url') : undefined;
    if (url === undefined) throw new CodedError('not_provisioned', `${home.natsAccessFile} names no nats-server`);
    const { users, runnerToken: known } = await readNatsAccess(home);
    const { partitions, replicas, ...limits } = readOptions(PROVISION_OPTIONS, {}, env);
    const access = { url, users, runnerToken: known ?? '' };
    const save = (runnerToken: string) => writeNatsAccess(home, { url, users, runnerToken });
    return {
      name: 'provision',
      run: () => prepareStore(access, { storage: { replicas, ...storageLimitsOf(limits) }, partitions }, known, save),
      drain: () => Promise.resolve(),
      stop: () => Promise.resolve(),
    };
  },
  { stopWithParent: true },
);
