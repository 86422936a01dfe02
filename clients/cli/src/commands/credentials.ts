import type { Command } from 'commander';
import { addOptions, CREDENTIALS_OPTIONS, flagsAsEnvironment, readOptions } from '@pizzapi/process';
import { mainOf, runProgram } from '../spawnProgram.js';
import { examples, type CliContext } from '../context.js';

const FILES = `
The folder gets one file for each secret, with the name of its key in a Kubernetes Secret:

  gateway-nkey, projector-nkey, authenticator-nkey   PIZZAPI_NATS_NKEY of each service
  admin-nkey                                         PIZZAPI_NATS_ADMIN_NKEY of provisioner and authenticator
  auth-issuer                                        PIZZAPI_AUTH_ISSUER of the authenticator
  gateway-secret                                     PIZZAPI_GATEWAY_SECRET of all gateways
  auditor-password, route-password                   logins of a person and between nats-servers
  accounts.conf                                      for nats-server: accounts and permissions; include it
  routes.conf                                        for nats-server: include it in the block cluster (--nodes)

Run it again after an update: it keeps every secret and writes the two files for nats-server again.`;

export function addCredentials(program: Command, context: CliContext): void {
  addOptions(program.command('credentials'), CREDENTIALS_OPTIONS)
    .argument('<folder>', 'Where to write the files')
    .description('Create the secrets of an installation, and the accounts of its nats-server, as files')
    .option('--json', 'Print one line of JSON: { folder, files: [{ file, change }] }')
    .addHelpText(
      'after',
      `${examples(
        'pizzapi credentials secrets',
        'pizzapi credentials secrets --nodes nats-1,nats-2,nats-3 --readable',
        'kubectl create secret generic pizzapi --from-file=secrets',
      )}\n${FILES}`,
    )
    .action(async (folder: string, { json, ...flags }: Record<string, unknown>) => {
      const { env } = context.io;
      readOptions(CREDENTIALS_OPTIONS, flags, env);
      const main = mainOf('@pizzapi/local/credentials', 'relay_not_included');
      context.exitCode = await runProgram(main, json === true ? ['--json'] : [], {
        ...env,
        ...flagsAsEnvironment(CREDENTIALS_OPTIONS, flags),
        [CREDENTIALS_OPTIONS.folder.env]: folder,
      });
    });
}
