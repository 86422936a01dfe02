import { authorizationConfig } from '@pizzapi/authenticator';
import { CREDENTIALS_OPTIONS, parseGatewaySecret, readOptions } from '@pizzapi/process';
import { chmodSync, cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { SECRET_FILES } from './credentialFiles.js';
import { writeCredentials } from './writeCredentials.js';

const root = mkdtempSync(join(tmpdir(), 'pizzapi-credentials-'));
const original = join(root, 'original');
let folder = original;
let created: ReturnType<typeof write>;
const write = (flags: Record<string, unknown> = {}) =>
  writeCredentials({ ...readOptions(CREDENTIALS_OPTIONS, flags, {}), folder });

beforeAll(() => (created = write({ partitions: '4' })));
beforeEach(({ task }) => cpSync(original, (folder = join(root, task.id)), { recursive: true }));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const text = (file: string) => readFileSync(join(folder, file), 'utf8');
const mode = (path: string) => statSync(path).mode & 0o777;
const texts = () => Object.fromEntries(readdirSync(folder).map((file) => [file, text(file)]));

it('the credentials of an installation are one file for each secret, without a line break at its end', () => {
  expect(created.map(({ file, change }) => [file, change])).toEqual(
    [...SECRET_FILES, 'accounts.conf'].map((file) => [file, 'created']),
  );
  for (const file of SECRET_FILES) expect(text(file), file).toMatch(/^[\w-]+$/);
  for (const file of ['admin-nkey', 'gateway-nkey', 'projector-nkey', 'authenticator-nkey'])
    expect(text(file)).toMatch(/^SU[A-Z2-7]{56}$/);
  expect(text('auth-issuer')).toMatch(/^SA[A-Z2-7]{56}$/);
  expect(parseGatewaySecret(text('gateway-secret'))).toHaveLength(32);
  expect(new Set(SECRET_FILES.map(text)).size).toBe(SECRET_FILES.length);
});

it('only the owner reads the credentials, and with --readable everyone who can enter the folder, which is the owner', () => {
  const modes = () => [folder, join(folder, 'admin-nkey'), join(folder, 'accounts.conf')].map(mode);
  expect(modes()).toEqual([0o700, 0o600, 0o600]);
  write({ readable: true });
  expect(modes()).toEqual([0o700, 0o444, 0o444]);
});

it('a second run keeps every secret and the number of partitions, and creates what is missing', () => {
  const before = texts();
  expect(before['accounts.conf']).toContain('"partition.4.{{partition(4,1)}}');
  expect(new Set(write().map(({ change }) => change))).toEqual(new Set(['kept']));
  expect(texts()).toEqual(before);
  rmSync(join(folder, 'route-password'));
  expect(write().filter(({ change }) => change !== 'kept')).toEqual([{ file: 'route-password', change: 'created' }]);
  expect({ ...texts(), 'route-password': '' }).toEqual({ ...before, 'route-password': '' });
});

it('accounts.conf names the public keys of the secrets beside it, and another number of partitions changes it alone', () => {
  const nkey = (file: string) => ({ nkeySeed: text(file) });
  const users = {
    admin: nkey('admin-nkey'),
    gateway: nkey('gateway-nkey'),
    projector: nkey('projector-nkey'),
    authenticator: nkey('authenticator-nkey'),
    auditor: { user: 'pizzapi-auditor', password: text('auditor-password') },
    issuerSeed: text('auth-issuer'),
  };
  expect(text('accounts.conf')).toContain(authorizationConfig(users, { partitions: 4 }));
  for (const { nkeySeed } of [users.admin, users.gateway, users.projector, users.authenticator])
    expect(text('accounts.conf')).not.toContain(nkeySeed);
  expect(text('accounts.conf')).not.toContain(users.issuerSeed);
  expect(write({ partitions: 2 }).filter(({ change }) => change !== 'kept')).toEqual([
    { file: 'accounts.conf', change: 'changed' },
  ]);
  expect(text('accounts.conf')).toContain(authorizationConfig(users, { partitions: 2 }));
});

it('routes.conf has the routes to the named servers with their password', () => {
  expect(write({ nodes: 'nats-1, nats-2.nats:7000' }).map(({ file }) => file)).toContain('routes.conf');
  const password = text('route-password');
  expect(text('routes.conf').split('\n').slice(1, -1)).toEqual([
    `authorization { user: route, password: "${password}", timeout: 10 }`,
    `routes: ["nats-route://route:${password}@nats-1:6222", "nats-route://route:${password}@nats-2.nats:7000"]`,
  ]);
  rmSync(join(folder, 'route-password'));
  expect(write().filter(({ change }) => change !== 'kept')).toEqual([
    { file: 'route-password', change: 'created' },
    { file: 'routes.conf', change: 'changed' },
  ]);
  expect(text('routes.conf')).toContain(`route:${text('route-password')}@nats-2.nats:7000"]`);
  expect(() => write({ nodes: 'nats-1,"x' })).toThrow('--nodes names ""x", but takes host names');
});

it('a file that holds no such secret stops the command with its name, and no file changes', () => {
  writeFileSync(join(folder, 'projector-nkey'), text('auth-issuer'));
  const before = texts();
  expect(() => write({ partitions: 3 })).toThrow(/^The file projector-nkey does not hold such a secret/);
  expect(texts()).toEqual(before);
});

it('a folder with files that other users can enter is refused and keeps its mode', () => {
  const before = texts();
  chmodSync(folder, 0o755);
  expect(() => write()).toThrow(/^Other users can enter the folder .*: run chmod 700/);
  expect([mode(folder), texts()]).toEqual([0o755, before]);
});

it('a folder that cannot be made is named with the reason', () => {
  folder = join(folder, 'admin-nkey');
  expect(() => write()).toThrow(/^Cannot write to the folder .*admin-nkey \(EEXIST\)/);
});
