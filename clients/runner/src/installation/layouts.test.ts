import { mkdir, truncate, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { findPi } from './find.js';
import { FakeMachine, NEW_SCOPE } from './testing/machine.js';

/** Installations of pi as package managers, version managers and its own installer lay them out. */
let machine: FakeMachine;
beforeEach(async () => void (machine = await FakeMachine.make()));
afterEach(() => machine.remove());

async function search() {
  const outcome = await findPi({}, machine.env, machine.host);
  if (outcome.kind === 'failed') throw new Error(outcome.error.message);
  return outcome;
}

/** Expects that the pi in a folder is found, with this Node, and without a warning. */
async function expectFound(root: string, node: string): Promise<void> {
  const { installation, warnings } = await search();
  expect(warnings).toEqual([]);
  expect(installation).toMatchObject({ source: 'path', version: '1.6.0', root, node: { path: node } });
}

/** Expects that the bundled pi is used, with one warning that has this text. */
async function expectUnusable(text: RegExp): Promise<void> {
  const { installation, warnings } = await search();
  expect(installation.source).toBe('bundled');
  expect(warnings).toHaveLength(1);
  expect(warnings[0]?.message).toMatch(text);
}

/** Makes the Node of the machine new enough, as the one on PATH. */
const newNode = () => machine.node(machine.at('node/bin/node'), '22.23.5');

describe('package managers', () => {
  test('nvm: the Node of the same version is used', async () => {
    const prefix = join(machine.home, '.nvm/versions/node/v22.23.5');
    const root = await machine.npm(prefix, '1.6.0');
    const node = await machine.node(join(prefix, 'bin/node'), '22.23.5');
    // An older Node comes first on PATH.
    machine.path('usr/bin', 'home/.nvm/versions/node/v22.23.5/bin');
    await expectFound(root, node);
  });

  test('fnm: a folder that lives as long as the shell is not kept', async () => {
    const prefix = join(machine.home, '.local/share/fnm/node-versions/v22.23.5/installation');
    const root = await machine.npm(prefix, '1.6.0');
    const node = await machine.node(join(prefix, 'bin/node'), '22.23.5');
    await machine.link(machine.at('run/fnm_multishells/1_2'), prefix);
    const shellsOwn = machine.at('run/fnm_multishells/1_2/bin/node');
    await machine.answer(shellsOwn, { path: node, node: '22.23.5' });
    machine.path('run/fnm_multishells/1_2/bin');
    await expectFound(root, node);
  });

  test.each([
    ['pnpm', '$basedir/global/5/node_modules'],
    ['pnpm with a store elsewhere', '$basedir/../../share/pnpm/global/5/.pnpm/pi@1.6.0/node_modules'],
  ])('%s: the script in its folder is read', async (_name, modules) => {
    const folder = join(machine.home, '.local/share/pnpm');
    const root = await machine.piPackage(modules.replace('$basedir', folder), '1.6.0');
    const node = await newNode();
    const target = `${modules}/${NEW_SCOPE}/dist/cli.js`;
    await machine.program(
      join(folder, 'pi'),
      [
        '#!/bin/sh',
        `basedir=$(dirname "$(echo "$0" | sed -e 's,\\\\,/,g')")`,
        '',
        'case `uname` in',
        '    *CYGWIN*|*MINGW*|*MSYS*) basedir=`cygpath -w "$basedir"`;;',
        'esac',
        '',
        'if [ -z "$NODE_PATH" ]; then',
        '  export NODE_PATH="/somewhere/node_modules"',
        'else',
        '  export NODE_PATH="/somewhere/node_modules:$NODE_PATH"',
        'fi',
        'if [ -x "$basedir/node" ]; then',
        `  exec "$basedir/node"  "${target}" "$@"`,
        'else',
        `  exec node  "${target}" "$@"`,
        'fi',
        '',
      ].join('\n'),
    );
    machine.path('home/.local/share/pnpm', 'node/bin');
    await expectFound(root, node);
    expect(machine.runs.filter((run) => !run.includes('/node -e'))).toEqual([]);
  });

  test('bun: the link into its global folder is followed, and a Node runs it', async () => {
    const root = await machine.piPackage(join(machine.home, '.bun/install/global/node_modules'), '1.6.0');
    await machine.link(join(machine.home, '.bun/bin/pi'), join(root, 'dist/cli.js'));
    await machine.program(join(machine.home, '.bun/bin/bun'), '\x7fELF');
    // bun puts a program of its own named `node` on PATH.
    await machine.program(join(machine.home, '.bun/bin/node'), '\x7fELF', () => ({
      kind: 'answered',
      stdout: JSON.stringify({ path: '/bun', node: '24.3.0', bun: '1.3.0' }),
    }));
    const node = await newNode();
    machine.path('home/.bun/bin', 'node/bin');
    // The Node on PATH is bun, so the next candidates are the one beside pi and the Node of this process.
    await expectUnusable(/pi 1\.6\.0 .* cannot be used/);
    machine.path('node/bin', 'home/.bun/bin');
    await expectFound(root, node);
  });

  test('Homebrew: a script that sets PATH and starts the program in libexec', async () => {
    const cellar = machine.at('opt/homebrew/Cellar/pi/1.6.0/libexec');
    const root = await machine.npm(cellar, '1.6.0');
    const node = await machine.node(machine.at('opt/homebrew/opt/node@22/bin/node'), '22.23.5');
    await machine.program(
      machine.at('opt/homebrew/bin/pi'),
      `#!/bin/bash\nPATH="${dirname(node)}:$PATH" exec "${cellar}/bin/pi"  "$@"\n`,
    );
    machine.path('opt/homebrew/bin', 'usr/bin');
    await expectFound(root, node);
  });
});

describe('version managers', () => {
  test('volta: its own files name the package and the Node, and nothing is run', async () => {
    const volta = join(machine.home, '.volta');
    const root = await machine.piPackage(join(volta, 'tools/image/packages', NEW_SCOPE, 'lib/node_modules'), '1.6.0');
    const node = await machine.node(join(volta, 'tools/image/node/22.23.5/bin/node'), '22.23.5');
    await mkdir(join(volta, 'tools/user/bins'), { recursive: true });
    await writeFile(
      join(volta, 'tools/user/bins/pi.json'),
      JSON.stringify({ name: 'pi', package: NEW_SCOPE, version: '1.6.0', platform: { node: '22.23.5', npm: null } }),
    );
    await machine.program(join(volta, 'bin/volta-shim'), '\x7fELF');
    await machine.link(join(volta, 'bin/pi'), join(volta, 'bin/volta-shim'));
    machine.path('home/.volta/bin', 'usr/bin');
    await expectFound(root, node);
    expect(machine.runs.map((run) => run.split(' ')[0])).toEqual([node]);
  });

  test('volta: without its files, volta itself is asked', async () => {
    const root = await machine.npm(machine.at('image'), '1.6.0');
    const node = await machine.node(machine.at('image/bin/node'), '22.23.5');
    const volta = await machine.program(machine.at('usr/local/bin/volta'), '\x7fELF', (args) =>
      args.join(' ') === 'which pi' ? { kind: 'answered', stdout: `${machine.at('image/bin/pi')}\n` } : FAILED,
    );
    await machine.program(machine.at('usr/local/bin/volta-shim'), '\x7fELF');
    await machine.link(join(machine.home, '.volta/bin/pi'), machine.at('usr/local/bin/volta-shim'));
    machine.path('home/.volta/bin', 'usr/bin');
    await expectFound(root, node);
    expect(machine.runs).toContain(`${volta} which pi`);
  });

  test('mise: its shim is a link to mise, which is asked', async () => {
    const install = join(machine.home, '.local/share/mise/installs/node/22.23.5');
    const root = await machine.npm(install, '1.6.0');
    const node = await machine.node(join(install, 'bin/node'), '22.23.5');
    const mise = await machine.program(machine.at('usr/bin/mise'), '\x7fELF', (args) =>
      args.join(' ') === 'which pi' ? { kind: 'answered', stdout: `${join(install, 'bin/pi')}\n` } : FAILED,
    );
    await machine.link(join(machine.home, '.local/share/mise/shims/pi'), mise);
    machine.path('home/.local/share/mise/shims', 'usr/bin');
    await expectFound(root, node);
  });

  test('mise: a shim without an active version is named with what to do', async () => {
    const mise = await machine.program(machine.at('usr/bin/mise'), '\x7fELF', () => ({
      kind: 'failed',
      why: 'pi is not currently active',
    }));
    await machine.link(join(machine.home, '.local/share/mise/shims/pi'), mise);
    machine.path('home/.local/share/mise/shims');
    await expectUnusable(/shim of mise.*pi is not currently active.*Set PIZZAPI_PI/);
  });

  test('asdf: the only version in the shim is used without asking', async () => {
    const install = join(machine.home, '.asdf/installs/nodejs/22.23.5');
    const root = await machine.npm(install, '1.6.0');
    const node = await machine.node(join(install, 'bin/node'), '22.23.5');
    await asdfShim('# asdf-plugin: nodejs 22.23.5');
    machine.path('home/.asdf/shims', 'usr/bin');
    await expectFound(root, node);
    expect(machine.runs.filter((run) => run.includes('which'))).toEqual([]);
  });

  test('asdf: with several versions in the shim, asdf is asked', async () => {
    const install = join(machine.home, '.asdf/installs/nodejs/24.1.0');
    const root = await machine.npm(install, '1.6.0');
    const node = await machine.node(join(install, 'bin/node'), '24.1.0');
    const asdf = await asdfShim('# asdf-plugin: nodejs 22.23.5\n# asdf-plugin: nodejs 24.1.0');
    await machine.program(asdf, '\x7fELF', () => ({ kind: 'answered', stdout: join(install, 'bin/pi') }));
    machine.path('home/.asdf/shims', 'usr/bin');
    await expectFound(root, node);
    expect(machine.runs).toContain(`${asdf} which pi`);
  });

  async function asdfShim(plugins: string): Promise<string> {
    const asdf = machine.at('usr/local/bin/asdf');
    const script = `#!/usr/bin/env bash\n${plugins}\nexec ${asdf} exec "pi" "$@" # asdf_allow: ' asdf '\n`;
    await machine.program(join(machine.home, '.asdf/shims/pi'), script);
    return asdf;
  }

  test('the shim of a Node is started by its own name, and the Node behind it is kept', async () => {
    const root = await machine.npm(machine.at('opt'), '1.6.0');
    const mise = await machine.program(machine.at('usr/bin/mise'), '\x7fELF');
    await machine.link(machine.at('shims/node'), mise);
    const real = machine.at('installs/node/bin/node');
    await machine.node(real, '22.23.5');
    await machine.answer(machine.at('shims/node'), { path: real, node: '22.23.5' });
    machine.path('shims', 'opt/bin');
    await expectFound(root, real);
  });
});

describe("pi's own installer", () => {
  let launcher: string;
  let root: string;
  beforeEach(async () => {
    const agent = join(machine.home, '.pi/agent');
    root = await machine.piPackage(join(agent, 'install/releases/1.6.0/node_modules'), '1.6.0');
    await machine.piPackage(join(agent, 'install/releases/1.5.0/node_modules'), '1.5.0');
    const marker = { kind: 'pi-managed-install', schemaVersion: 1, layout: 'releases-v1' };
    await writeFile(join(agent, 'install/managed-install.json'), `\uFEFF${JSON.stringify(marker)}`);
    await writeFile(join(agent, 'install/current-version'), '1.6.0\n');
    launcher = await machine.program(
      join(agent, 'bin/pi'),
      [
        '#!/bin/sh',
        `PI_MANAGED_INSTALL_ROOT="$HOME/.pi/agent/install"`,
        'export PI_MANAGED_INSTALL_ROOT',
        'version=$(cat "$PI_MANAGED_INSTALL_ROOT/current-version")',
        'exec "$PI_MANAGED_INSTALL_ROOT/releases/$version/node_modules/.bin/pi" "$@"',
        '',
      ].join('\n'),
    );
  });

  test('the active release is used', async () => {
    const node = await newNode();
    machine.path('home/.pi/agent/bin', 'node/bin');
    await expectFound(root, node);
  });

  test('the active release is used through a link elsewhere', async () => {
    const node = await newNode();
    await machine.link(join(machine.home, '.local/bin/pi'), launcher);
    machine.path('home/.local/bin', 'node/bin');
    await expectFound(root, node);
  });

  test('the active release is used by a service whose PATH does not have the launcher', async () => {
    const node = await newNode();
    machine.path('node/bin');
    await expectFound(root, node);
  });

  test('a pi on PATH comes before the launcher that is not on PATH', async () => {
    const node = await newNode();
    const other = await machine.npm(machine.at('opt'), '1.6.0');
    machine.path('opt/bin', 'node/bin');
    await expectFound(other, node);
  });
});

describe('Nix', () => {
  const store = (path: string) => machine.at(`nix/store/${path}`);
  let root: string;
  let node: string;
  beforeEach(async () => {
    node = await machine.node(store('aaa-nodejs-22.23.5/bin/node'), '22.23.5');
    root = await machine.piPackage(store('bbb-pi-1.6.0/lib/node_modules'), '1.6.0', { shebang: `#!${node}` });
    machine.path('home/.nix-profile/bin', 'usr/bin');
  });

  test('the Node in the first line of the program is used', async () => {
    await machine.link(store('bbb-pi-1.6.0/bin/pi'), join(root, 'dist/cli.js'));
    await machine.link(join(machine.home, '.nix-profile'), store('bbb-pi-1.6.0'));
    await expectFound(root, node);
  });

  test('a wrapper script is followed to the wrapped program', async () => {
    await machine.link(store('bbb-pi-1.6.0/bin/.pi-wrapped'), join(root, 'dist/cli.js'));
    await machine.program(
      store('bbb-pi-1.6.0/bin/pi'),
      [
        `#! ${store('ccc-bash/bin/bash')} -e`,
        "PATH=${PATH:+':'$PATH':'}",
        `PATH=\${PATH/':''${store('ddd-ripgrep/bin')}'':'/':'}`,
        `PATH='${store('ddd-ripgrep/bin')}'$PATH`,
        'export PATH',
        `exec -a "$0" "${store('bbb-pi-1.6.0/bin/.pi-wrapped')}"  "$@"`,
        '',
      ].join('\n'),
    );
    await machine.link(join(machine.home, '.nix-profile'), store('bbb-pi-1.6.0'));
    await expectFound(root, node);
  });

  test('a wrapper script that starts Node with the program is followed', async () => {
    const wrapper = `#!${store('ccc-bash/bin/bash')}\nexec "${node}" --no-warnings "${join(root, 'dist/cli.js')}" "$@"\n`;
    await machine.program(join(machine.home, '.nix-profile/bin/pi'), wrapper);
    await expectFound(root, node);
  });

  test('a compiled wrapper names the command that made it', async () => {
    const command = `makeCWrapper '${node}' \\\n    --inherit-argv0 \\\n    --prefix 'PATH' ':' '${store('ddd-ripgrep/bin')}' \\\n    --add-flags '${join(root, 'dist/cli.js')}'\n`;
    const note = `# ---\n# The C-code for this binary wrapper has been generated using the following command:\n\n\n${command}`;
    const bytes = Buffer.concat([
      Buffer.from('7f454c460201', 'hex'),
      Buffer.alloc(9_000),
      Buffer.from(`${note}\0more`),
    ]);
    await machine.program(join(machine.home, '.nix-profile/bin/pi'), bytes);
    await expectFound(root, node);
  });
});

describe('a single program', () => {
  test('is named by its package.json, with the npm package to install', async () => {
    const folder = machine.at('opt/pi');
    await machine.program(join(folder, 'pi'), '\x7fELF');
    await writeFile(join(folder, 'package.json'), JSON.stringify({ name: NEW_SCOPE, version: '1.6.0' }));
    await machine.link(machine.at('usr/local/bin/pi'), join(folder, 'pi'));
    machine.path('usr/local/bin');
    await expectUnusable(/pi 1\.6\.0 is a single program.*npm install -g --ignore-scripts @earendil-works/);
  });

  test('is known by its size without a package.json', async () => {
    await machine.program(machine.at('usr/local/bin/pi'), '\x7fELF');
    await truncate(machine.at('usr/local/bin/pi'), 90 * 1024 * 1024);
    machine.path('usr/local/bin');
    await expectUnusable(/is a single program/);
  });
});

const FAILED = { kind: 'failed', why: 'unknown command' } as const;
