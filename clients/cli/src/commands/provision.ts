import type { Command } from 'commander';
import {
  accountKey,
  accountRows,
  connectBackbone,
  provisionStore,
  STORAGE_OPTIONS,
  storageLimitsOf,
  type Backbone,
  type StreamChange,
} from '@pizzapi/backbone';
import { addOptions, defineOptions, OPTIONS, readOptions, type OptionValues } from '@pizzapi/process';
import { CodedError, newOwnerAccount, OWNER_ID, splitAddresses } from '@pizzapi/protocol';
import { examples, type CliContext } from '../context.js';
import { requireNatsAccess } from '../home.js';
import { interruptible, jsonLine, line } from '../io.js';

/** How long the command waits for nats-server, in ms. A Kubernetes Job may start before it. */
const CONNECT_MS = 60_000;

const PROVISION_OPTIONS = defineOptions({
  home: OPTIONS.home,
  natsUrl: { ...OPTIONS.natsUrl, default: undefined },
  adminNkey: {
    ...OPTIONS.adminNkey,
    help: 'Seed of the nkey of the provisioner (SU…); without one that of the home of a local run',
  },
  replicas: OPTIONS.replicas,
  // Without it the deployment keeps the number that it has.
  partitions: { ...OPTIONS.partitions, default: undefined },
  ...STORAGE_OPTIONS,
  owner: OPTIONS.provisionOwner,
});
type ProvisionFlags = OptionValues<typeof PROVISION_OPTIONS>;

export function addProvision(program: Command, { io }: CliContext): void {
  addOptions(program.command('provision'), PROVISION_OPTIONS)
    .description('Create the streams and buckets at nats-server, or change them to what this version needs')
    .option('--json', 'Print one line of JSON: { changes: [{ kind, stream, … }] }')
    .addHelpText(
      'after',
      examples(
        'pizzapi provision',
        'PIZZAPI_NATS_ADMIN_NKEY=SU… pizzapi provision --nats-url nats://a:4222,nats://b:4222 --replicas 3',
        "pizzapi provision --json | jq '.changes | length'",
      ),
    )
    .action(async (flags: Record<string, unknown>) => {
      const options = readOptions(PROVISION_OPTIONS, flags, io.env);
      const { changes, isOwnerNew } = await interruptible(io, async (signal) => {
        const admin = await connectAsAdmin(options, AbortSignal.any([signal, AbortSignal.timeout(CONNECT_MS)]));
        try {
          const changes = await provisionStore(admin, { replicas: options.replicas, ...storageLimitsOf(options) });
          return { changes, isOwnerNew: options.owner && (await createOwner(admin)) };
        } finally {
          await admin.close();
        }
      });
      if (flags['json'] === true)
        return line(io.stdout, jsonLine({ changes, ...(options.owner ? { ownerCreated: isOwnerNew } : {}) }));
      for (const change of changes) line(io.stdout, describe(change));
      if (isOwnerNew) line(io.stdout, 'Created the account of the owner');
      else if (changes.length === 0) line(io.stdout, 'Nothing to change');
    });
}

/** Creates the account of the owner. Returns false when the installation has one. */
async function createOwner(admin: Backbone): Promise<boolean> {
  const made = await accountRows(admin).create(accountKey(OWNER_ID), newOwnerAccount(Date.now()));
  return made.kind === 'stored';
}

/** Connects as the provisioner: with the given nkey, or with that of the local run. Throws `bad_option` for a bad one. */
async function connectAsAdmin(
  { home, natsUrl, adminNkey, partitions }: ProvisionFlags,
  signal: AbortSignal,
): Promise<Backbone> {
  const wanted = partitions === undefined ? {} : { partitions };
  const common = { name: 'pizzapi-provision', provisioner: true, signal, ...wanted };
  if (adminNkey !== undefined) {
    if (natsUrl === undefined) throw new CodedError('bad_option', 'PIZZAPI_NATS_URL must name the nats-server');
    return connectBackbone({ ...common, url: splitAddresses(natsUrl), nkey: adminNkey });
  }
  const { url, users } = requireNatsAccess(home);
  return connectBackbone({ ...common, url: splitAddresses(natsUrl ?? url), nkey: users.admin.nkeySeed });
}

function describe(change: StreamChange): string {
  if (change.kind === 'created') {
    const copies = change.replicas === 1 ? '1 copy' : `${change.replicas} copies`;
    return `Created ${change.stream} with ${copies}`;
  }
  const fields = change.fields.map(({ field, before, after }) => `${field} from ${show(before)} to ${show(after)}`);
  return `Changed ${change.stream}: ${fields.join(', ')}`;
}

const show = (value: unknown): string => JSON.stringify(value) ?? 'nothing';
