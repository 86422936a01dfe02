import { AUTHENTICATOR_OPTIONS } from '@pizzapi/authenticator';
import { CLUSTER_OPTIONS, LOAD_BALANCER_OPTIONS } from '@pizzapi/cluster';
import { GATEWAY_OPTIONS } from '@pizzapi/gateway';
import { LOCAL_OPTION_GROUPS, LOCAL_OPTIONS } from '@pizzapi/local';
import { PROJECTOR_OPTIONS } from '@pizzapi/meta-projector/options';
import { BACKUP_OPTIONS, RESTORE_OPTIONS } from '@pizzapi/backbone';
import { CREDENTIALS_OPTIONS, METRICS, OPTIONS, optionsTable, OWN_SECRETS, type OptionSpec } from '@pizzapi/process';
import { RUNNER_OPTIONS } from '@pizzapi/runner';
import { readdirSync, readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { helpOfEveryCommand } from './support/cliHelp.js';
import { cells, documentAt, table } from './support/document.js';
import { registeredMetrics } from './support/registeredMetrics.js';

const reference = (name: string) => new URL(`../docs/reference/${name}`, import.meta.url);

describe('the page of options', () => {
  /** Every option once, by its environment variable. */
  const all = [
    OPTIONS,
    LOCAL_OPTIONS,
    GATEWAY_OPTIONS,
    AUTHENTICATOR_OPTIONS,
    PROJECTOR_OPTIONS,
    RUNNER_OPTIONS,
    CREDENTIALS_OPTIONS,
    CLUSTER_OPTIONS,
    LOAD_BALANCER_OPTIONS,
  ].flatMap((spec) => Object.values<OptionSpec>(spec));
  const byVariable = Object.fromEntries(all.reverse().map((option) => [option.env, option]));
  const sorted = Object.fromEntries(Object.entries(byVariable).sort(([a], [b]) => (a < b ? -1 : 1)));
  const rows = optionsTable(sorted);
  const { part } = documentAt(reference('options.md'), { options: rows });

  /** Those of commands, which have their own table of flags. */
  const ofCommands = [BACKUP_OPTIONS, RESTORE_OPTIONS].flatMap((spec) => Object.values<OptionSpec>(spec));

  it('the page of options lists every option as in the code', () => {
    expect(part('options')).toBe(cells(rows));
  });

  it('every option with a secret is a variable alone, and takes a file with the secret', () => {
    const secrets = [...all, ...ofCommands].filter(({ env }) =>
      /_(API_KEY|TOKEN|SECRET|PASSWORD|NKEY|SEED|AUTH_ISSUER)$/.test(env),
    );
    expect(new Set(secrets.map(({ env }) => env)).size).toBeGreaterThan(6);
    for (const { env, flag, secret } of secrets) expect({ env, flag, secret }).toEqual({ env, secret: true });
  });

  it('no program of an agent inherits the secret of any process, nor the name of a file with one', () => {
    const secrets = [...all, ...ofCommands].filter(({ secret }) => secret === true).map(({ env }) => env);
    expect(secrets).toContain('PIZZAPI_OIDC_CLIENT_SECRET');
    expect(OWN_SECRETS).toEqual(expect.arrayContaining(secrets.flatMap((env) => [env, `${env}_FILE`])));
  });
});

describe('the page of commands', () => {
  const parts: Record<string, string> = {};
  let document: ReturnType<typeof documentAt>;

  beforeAll(async () => {
    parts['commands'] = await helpOfEveryCommand();
    parts['local'] = LOCAL_OPTION_GROUPS.map(({ heading, options }) => `${heading}\n\n${optionsTable(options)}`).join(
      '\n\n',
    );
    parts['runner'] = optionsTable(RUNNER_OPTIONS);
    document = documentAt(reference('cli.md'), parts);
  });

  it.each(['commands', 'local', 'runner'])('the page of commands has the help of %s as in the code', (name) => {
    expect(document.part(name)).toBe(cells(parts[name]!));
  });
});

describe('the page of metrics', () => {
  const registered = registeredMetrics();
  const rows = table(
    ['metric', 'kind', 'labels', 'process', 'what'],
    registered.map(({ name, kind, labels, process, help }) => [
      `\`${name}\``,
      kind,
      labels.map((label) => `\`${label}\``).join(', '),
      process,
      help,
    ]),
  );
  const { part } = documentAt(reference('metrics.md'), { metrics: rows });

  it('the page of metrics lists every metric as the processes register it', () => {
    expect(part('metrics')).toBe(cells(rows));
  });

  it('the registered metrics are those of the table of metrics', () => {
    expect(registered.map(({ name }) => name).sort()).toEqual(Object.values(METRICS).sort());
  });
});

describe('the page of the HTTP API', () => {
  const folder = new URL('../services/gateway/src/http/', import.meta.url);
  const page = readFileSync(reference('http-api.md'), 'utf8');
  const paths = readdirSync(folder)
    .filter((name) => /Routes\.ts$/.test(name))
    .flatMap((name) => [...readFileSync(new URL(name, folder), 'utf8').matchAll(/['`](\/api\/[\w/:-]+)['`]/g)])
    .map(([, path]) => path!);

  it('the test finds the routes in the source files of the gateway', () => {
    expect(new Set(paths).size).toBeGreaterThan(20);
  });

  it.each([...new Set(paths)])('the page of the HTTP API names the path %s', (path) => {
    expect(page).toContain(`${path}\``);
  });
});
