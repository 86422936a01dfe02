import { execFileSync } from 'node:child_process';
import { mkdir, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { findPi } from './find.js';
import { FakeMachine } from './testing/machine.js';

let machine: FakeMachine;
beforeEach(async () => void (machine = await FakeMachine.make()));
afterEach(() => machine.remove());

async function search() {
  const outcome = await findPi({}, machine.env, machine.host);
  if (outcome.kind === 'failed') throw new Error(outcome.error.message);
  return outcome;
}

/** Expects that the bundled pi is used, with one warning that has this text. */
async function expectUnusable(text: RegExp): Promise<void> {
  const { installation, warnings } = await search();
  expect(installation.source).toBe('bundled');
  expect(warnings).toHaveLength(1);
  expect(warnings[0]?.message).toMatch(text);
}

describe('hostile files', () => {
  /** Expects that nothing was run and the bundled pi is used without a warning. */
  async function expectIgnored(): Promise<void> {
    const { installation, warnings } = await search();
    expect({ source: installation.source, warnings, runs: machine.runs }).toEqual({
      ...{ source: 'bundled', warnings: [], runs: [] },
    });
  }

  test('a pi in the current folder is not found through relative folders of PATH', async () => {
    const here = process.cwd();
    await machine.npm(machine.at('project'), '1.6.0');
    await machine.node(machine.at('project/bin/node'), '22.23.5');
    machine.path('', '.', './bin', '..');
    process.chdir(machine.at('project/bin'));
    try {
      await expectIgnored();
    } finally {
      process.chdir(here);
    }
  });

  test('a pi among the dependencies of a project is not found while npm runs us', async () => {
    const root = await machine.piPackage(machine.at('project/node_modules'), '1.6.0');
    await machine.link(machine.at('project/node_modules/.bin/pi'), join(root, 'dist/cli.js'));
    await machine.node(machine.at('project/node_modules/.bin/node'), '22.23.5');
    machine.path('project/node_modules/.bin');
    machine.env['npm_execpath'] = '/usr/lib/node_modules/npm/bin/npm-cli.js';
    await expectIgnored();
  });

  test('a loop of links is ignored', async () => {
    await mkdir(machine.at('bin'));
    await symlink('pi2', machine.at('bin/pi'));
    await symlink('pi', machine.at('bin/pi2'));
    machine.path('bin');
    await expectIgnored();
  });

  test('scripts that start each other are ignored', async () => {
    await machine.program(machine.at('bin/pi'), `#!/bin/sh\nexec ${machine.at('bin/pi2')} "$@"\n`);
    await machine.program(machine.at('bin/pi2'), `#!/bin/sh\nexec ${machine.at('bin/pi')} "$@"\n`);
    machine.path('bin');
    await expectIgnored();
  });

  test.each([
    ['whose variables double', `a=xxxxxxxx\n${'a="$a$a$a$a"\n'.repeat(500)}exec "$a"\n`],
    ['that is nested deep', '('.repeat(60_000)],
    ['with substitutions that are nested deep', '$(dirname '.repeat(6_000)],
    ['with an open quote', 'exec "'],
  ])('a script %s is ignored', async (_what, script) => {
    await machine.program(machine.at('bin/pi'), `#!/bin/sh\n${script}`);
    machine.path('bin');
    await expectIgnored();
  });

  test('a huge script and a huge package.json are not read to their ends', async () => {
    await machine.program(machine.at('bin/pi'), '#!/bin/sh\n');
    await truncate(machine.at('bin/pi'), 8 * 1024 ** 3);
    await writeFile(machine.at('bin/package.json'), '{"name":"@earendil-works/pi-coding-agent",');
    await truncate(machine.at('bin/package.json'), 8 * 1024 ** 3);
    machine.path('bin');
    await expectIgnored();
  });

  test.each([
    'no JSON',
    '[]',
    '{"name":7,"version":"1.6.0"}',
    '{"name":"@earendil-works/pi-coding-agent","version":"1"}',
  ])('a package.json that holds %s is ignored', async (text) => {
    await machine.program(machine.at('bin/pi'), '#!/bin/sh\n');
    await writeFile(machine.at('bin/package.json'), text);
    machine.path('bin');
    await expectIgnored();
  });

  test('pipes are not waited for', async () => {
    await mkdir(machine.at('bin'));
    execFileSync('mkfifo', ['-m', '755', machine.at('bin/pi'), machine.at('bin/package.json')]);
    await machine.program(machine.at('other/pi'), '#!/bin/sh\n');
    execFileSync('mkfifo', [machine.at('other/package.json')]);
    machine.path('bin', 'other');
    await expectIgnored();
  });

  test('a file of volta cannot name another folder as its package', async () => {
    const volta = join(machine.home, '.volta');
    await machine.program(join(volta, 'bin/volta-shim'), '\x7fELF');
    await machine.link(join(volta, 'bin/pi'), join(volta, 'bin/volta-shim'));
    await mkdir(join(volta, 'tools/user/bins'), { recursive: true });
    await machine.piPackage(machine.at('evil'), '1.6.0');
    await writeFile(join(volta, 'tools/user/bins/pi.json'), JSON.stringify({ package: '../../../../../../evil' }));
    machine.path('home/.volta/bin');
    await expectUnusable(/shim of volta/);
  });

  test('a version manager in the current folder is not run for a shim that names it without its folder', async () => {
    const shim =
      '#!/usr/bin/env bash\n# asdf-plugin: nodejs 22.1.0\n# asdf-plugin: nodejs 24.1.0\nexec asdf exec "pi" "$@"\n';
    await machine.program(join(machine.home, '.asdf/shims/pi'), shim);
    machine.path('home/.asdf/shims', '.');
    await expectUnusable(/shim of asdf.*there is no asdf on PATH/);
    expect(machine.runs).toEqual([]);
  });

  test('a Node that does not answer is not used', async () => {
    await machine.npm(machine.at('opt'), '1.6.0');
    await machine.program(machine.at('opt/bin/node'), '\x7fELF', () => ({ kind: 'failed', why: 'no answer in 10 s' }));
    machine.path('opt/bin');
    await expectUnusable(/pi 1\.6\.0 .* cannot be used/);
  });
});
