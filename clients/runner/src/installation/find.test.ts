import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { bundledPi, BUNDLED_PI_VERSION } from './bundled.js';
import { findPi, type PiSearch } from './find.js';
import { processHost } from './host.js';
import { FakeMachine, NEW_SCOPE, OLD_SCOPE, OUR_NODE } from './testing/machine.js';

let machine: FakeMachine;
beforeEach(async () => void (machine = await FakeMachine.make()));
afterEach(() => machine.remove());

const search = (pi?: string): Promise<PiSearch> => findPi({ pi }, machine.env, machine.host);

/** Returns the found installation and the codes of the warnings. */
async function found(pi?: string) {
  const outcome = await search(pi);
  if (outcome.kind === 'failed') throw new Error(`${outcome.error.code}: ${outcome.error.message}`);
  return { ...outcome.installation, warnings: outcome.warnings.map(({ code }) => code) };
}

const bundled = () => ({ ...bundledPi(machine.host), warnings: [] as string[] });

describe('without an option', () => {
  test('the bundled pi is used when there is no pi on PATH', async () => {
    machine.path('usr/bin');
    expect(await found()).toEqual(bundled());
  });

  test('the pi on PATH is used with the Node on PATH', async () => {
    const root = await machine.npm(machine.at('usr/local'), '1.6.0');
    const node = await machine.node(machine.at('opt/node/bin/node'), '22.23.5');
    machine.path('opt/node/bin', 'usr/bin', 'usr/local/bin');
    expect(await found()).toEqual({
      ...{ source: 'path', packageName: NEW_SCOPE, version: '1.6.0', root },
      ...{ node: { path: node, version: '22.23.5' }, isTested: true, warnings: [] },
    });
  });

  test('the bundled pi is used, with a warning that states what to do, when every Node is too old', async () => {
    await machine.npm(machine.at('usr/local'), '1.6.0');
    machine.path('usr/bin', 'usr/local/bin');
    const outcome = await search();
    expect(outcome).toMatchObject({
      kind: 'found',
      installation: bundledPi(machine.host),
      unused: [{ path: machine.at('usr/local/bin/pi'), version: '1.6.0' }],
    });
    const [warning] = outcome.kind === 'found' ? outcome.warnings : [];
    expect(warning?.code).toBe('pi_node_too_old');
    expect(warning?.message).toMatch(
      new RegExp(`pi 1\\.6\\.0 at .*/usr/local/bin/pi cannot be used.*Node ${OUR_NODE}`),
    );
    expect(warning?.message).toContain('`pizzapi pi install-node`');
  });

  test('a pi 0.73 on a Node without module hooks is not used, and a warning states it', async () => {
    await machine.npm(machine.at('usr/local'), '0.73.1');
    machine.path('usr/bin', 'usr/local/bin');
    expect(await found()).toEqual({ ...bundled(), warnings: ['pi_node_too_old'] });
  });

  test('a pi 0.73 is used on a Node with module hooks', async () => {
    await machine.npm(machine.at('usr/local'), '0.73.1');
    await machine.node(machine.at('opt/node/bin/node'), '22.15.0');
    machine.path('opt/node/bin', 'usr/local/bin');
    expect(await found()).toMatchObject({ packageName: OLD_SCOPE, isTested: true, node: { version: '22.15.0' } });
  });

  test.each([
    ['1.7.0', 'is used with a warning', { version: '1.7.0', isTested: false, warnings: ['pi_untested'] }],
    ['1.0.4', 'is used with a warning', { version: '1.0.4', isTested: false, warnings: ['pi_untested'] }],
    ['1.6.0-beta.1', 'is used with a warning', { version: '1.6.0-beta.1', isTested: false, warnings: ['pi_untested'] }],
    ['1.4.2', 'is used', { version: '1.4.2', isTested: true, warnings: [] }],
    ['0.72.9', 'is not used', { version: BUNDLED_PI_VERSION, isTested: true, warnings: ['pi_too_old'] }],
  ])('a pi %s on PATH %s', async (version, _what, expected) => {
    await machine.npm(machine.at('opt/node'), version);
    await machine.node(machine.at('opt/node/bin/node'), '22.23.5');
    machine.path('opt/node/bin');
    expect(await found()).toMatchObject(expected);
  });

  test('the next pi on PATH is used when the first one cannot be used', async () => {
    await machine.npm(machine.at('old'), '0.50.0');
    await machine.npm(machine.at('opt/node'), '1.6.0');
    await machine.node(machine.at('opt/node/bin/node'), '22.23.5');
    machine.path('old/bin', 'opt/node/bin');
    expect(await found()).toMatchObject({ version: '1.6.0', warnings: ['pi_too_old'] });
  });

  test('another program named pi is ignored without a warning', async () => {
    await machine.program(machine.at('usr/games/pi'), '#!/bin/sh\necho 3.14159\n');
    await machine.program(machine.at('usr/bin/pi'), '\x7fELF of another program');
    machine.path('usr/games', 'usr/bin');
    expect(await found()).toEqual(bundled());
  });

  test('the bundled pi that npm puts on PATH does not count as the pi of the person', async () => {
    const root = await machine.piPackage(machine.at('product/node_modules'), '0.73.1');
    await machine.link(machine.at('product/node_modules/.bin/pi'), join(root, 'dist/cli.js'));
    await machine.node(machine.at('opt/node/bin/node'), '22.23.5');
    machine.path('product/node_modules/.bin', 'opt/node/bin');
    expect(await found()).toEqual(bundled());
  });
});

describe('with an option', () => {
  let root: string;
  beforeEach(async () => {
    root = await machine.npm(machine.at('opt/node'), '1.6.0');
    await machine.node(machine.at('opt/node/bin/node'), '22.23.5');
    machine.path('usr/bin');
  });

  test.each([
    'opt/node/bin/pi',
    `opt/node/lib/node_modules/${NEW_SCOPE}`,
    `opt/node/lib/node_modules/${NEW_SCOPE}/package.json`,
  ])('%s names the pi that is used', async (path) => {
    const expected = { source: 'option', version: '1.6.0', root, node: { version: '22.23.5' }, warnings: [] };
    expect(await found(machine.at(path))).toMatchObject(expected);
    machine.env['PIZZAPI_PI'] = machine.at(path);
    expect(await found()).toMatchObject(expected);
  });

  test('a path that begins with ~/ is below the home folder', async () => {
    await rename(machine.at('opt/node'), join(machine.home, 'node'));
    await machine.node(join(machine.home, 'node/bin/node'), '22.23.5');
    expect(await found('~/node/bin/pi')).toMatchObject({ source: 'option', version: '1.6.0' });
  });

  test('`bundled` chooses the bundled pi, whatever is on PATH', async () => {
    machine.path('opt/node/bin');
    expect(await found('bundled')).toEqual(bundled());
  });

  test('the option comes before the variable', async () => {
    machine.env['PIZZAPI_PI'] = machine.at('opt/node/bin/pi');
    expect(await found('bundled')).toEqual(bundled());
  });

  test.each([
    ['a missing path', 'nowhere/pi', 'pi_not_found'],
    ['a folder of another package', 'other', 'pi_not_found'],
    ['another program', 'usr/bin/tool', 'pi_not_found'],
    ['a package.json that is no JSON', 'broken/package.json', 'pi_not_found'],
    ['a pi that is too old', 'old/bin/pi', 'pi_too_old'],
    ['a package without its modules', 'unbuilt', 'pi_unusable'],
  ])('%s is an error with a code', async (_what, path, code) => {
    await mkdir(machine.at('other'));
    await writeFile(machine.at('other/package.json'), '{"name":"other","version":"1.6.0"}');
    await mkdir(machine.at('broken'));
    await writeFile(machine.at('broken/package.json'), 'not JSON');
    await machine.program(machine.at('usr/bin/tool'), '#!/bin/sh\necho hello\n');
    await machine.npm(machine.at('old'), '0.60.0');
    await mkdir(machine.at('unbuilt'));
    await writeFile(machine.at('unbuilt/package.json'), JSON.stringify({ name: NEW_SCOPE, version: '1.6.0' }));
    expect(await search(machine.at(path))).toMatchObject({ kind: 'failed', error: { code } });
  });

  test('a pi whose every Node is too old is an error, and the bundled pi does not replace it', async () => {
    await rm(machine.at('opt/node/bin/node'));
    expect(await search(machine.at('opt/node/bin/pi'))).toMatchObject({
      kind: 'failed',
      error: { code: 'pi_node_too_old' },
    });
  });
});

describe('a survey', () => {
  beforeEach(async () => {
    await machine.npm(machine.at('first'), '1.5.0');
    await machine.npm(machine.at('second'), '1.6.0');
    await machine.node(machine.at('opt/bin/node'), '22.23.5');
    machine.path('opt/bin', 'first/bin', 'second/bin');
  });
  const survey = async (pi?: string) => {
    const outcome = await findPi({ pi, survey: true }, machine.env, machine.host);
    if (outcome.kind === 'failed') throw new Error(outcome.error.message);
    return { version: outcome.installation.version, unused: outcome.unused.map(({ why }) => why.message) };
  };

  test('lists the pis behind the one on PATH that is used', async () => {
    expect(await survey()).toEqual({
      version: '1.5.0',
      unused: [`pi 1.6.0 at ${machine.at('second/bin/pi')} is not used, because another pi comes before it on PATH.`],
    });
  });

  test('lists the pis on PATH when another one is chosen', async () => {
    const { version, unused } = await survey('bundled');
    expect(version).toBe(BUNDLED_PI_VERSION);
    expect(unused).toHaveLength(2);
    expect(unused[0]).toMatch(/^pi 1\.5\.0 at .* is not used, because bundled was chosen with --pi or PIZZAPI_PI\.$/);
    expect((await survey(machine.at('second/bin/pi'))).unused).toEqual([expect.stringMatching(/^pi 1\.5\.0 at/)]);
  });
});

test('the version of the bundled pi is that of its package', async () => {
  const { bundledRoot } = processHost();
  const manifest: unknown = JSON.parse(await readFile(join(bundledRoot ?? '', 'package.json'), 'utf8'));
  expect(manifest).toMatchObject({ name: OLD_SCOPE, version: BUNDLED_PI_VERSION });
});
