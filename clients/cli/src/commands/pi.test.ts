import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ERRORS, errorInfo } from '@pizzapi/protocol';
import { bundledPi, processHost, type PiSearch } from '@pizzapi/runner/installation';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { piFindings } from '../doctor/pi.js';
import { run } from '../testing/run.js';

let home: string;
beforeEach(() => void (home = mkdtempSync(join(tmpdir(), 'pizzapi-which-'))));
afterEach(() => rmSync(home, { recursive: true, force: true }));

/** Only these folders are searched, whatever is installed on the machine of the test. */
const env = (more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv => ({
  ...{ PATH: '', PI_CODING_AGENT_DIR: join(home, 'agent'), XDG_CACHE_HOME: join(home, 'cache') },
  ...more,
});

describe('pizzapi pi', () => {
  it('prints the pi that sessions run on, its Node and the tested versions', async () => {
    const { code, stdout } = await run(['pi'], { env: env() });
    expect(code).toBe(0);
    expect(stdout.split('\n')).toEqual([
      'pi        0.73.1 (@mariozechner/pi-coding-agent), because it is part of PizzaPi',
      `Node      ${process.versions.node} at ${process.execPath}`,
      'tested    yes: the tests cover pi 0.73 and 1.4 to 1.6',
      '',
    ]);
  });

  it('prints one line of JSON', async () => {
    const { stdout } = await run(['pi', '--json', '--pi', 'bundled'], { env: env() });
    expect(JSON.parse(stdout)).toEqual({ installation: bundledPi(processHost()), warnings: [], unused: [] });
  });

  it('fails with the code of what is wrong with the pi that is named', async () => {
    const { code, stderr } = await run(['pi', '--pi', join(home, 'none')], { env: env() });
    expect(code).toBe(1);
    expect(stderr).toBe(`pi_not_found: There is nothing at ${join(home, 'none')}. ${ERRORS.pi_not_found.hint}\n`);
  });

  it('names a pi on PATH that is a single program, and what to do', async () => {
    mkdirSync(join(home, 'bin'));
    writeFileSync(join(home, 'bin/package.json'), '{"name":"@earendil-works/pi-coding-agent","version":"1.6.0"}');
    writeFileSync(join(home, 'bin/pi'), '\x7fELF');
    chmodSync(join(home, 'bin/pi'), 0o755);
    const { stdout } = await run(['pi'], { env: env({ PATH: join(home, 'bin') }) });
    expect(stdout).toMatch(/^warning {3}.*pi 1\.6\.0 is a single program.*npm install -g/m);
  });
});

describe('pizzapi pi install-node', () => {
  it('lists what it tried when there is no npm', async () => {
    const { code, stderr } = await run(['pi', 'install-node'], { env: env() });
    expect(code).toBe(1);
    expect(stderr).toMatch(/^node_fetch_failed: Node was not fetched\. .*there is no npm on PATH/m);
  });
});

describe('doctor', () => {
  const used = { ...bundledPi(processHost()), node: { path: '/usr/bin/node', version: '20.20.2' } };
  const found = (more: Partial<Extract<PiSearch, { kind: 'found' }>> = {}): PiSearch => ({
    ...{ kind: 'found', installation: used, warnings: [], unused: [] },
    ...more,
  });

  it('states which pi sessions run on, where it is and on which Node', () => {
    expect(piFindings(found())).toEqual([
      {
        ...{ check: 'pi version', level: 'ok' },
        text: 'pi 0.73.1, part of PizzaPi, on Node 20.20.2 at /usr/bin/node (tested: 0.73 and 1.4 to 1.6)',
      },
    ]);
    const installation = { ...used, source: 'path', version: '1.7.0', root: '/opt/pi', isTested: false } as const;
    expect(piFindings(found({ installation }))[0]?.text).toBe(
      'pi 1.7.0 at /opt/pi on Node 20.20.2 at /usr/bin/node; this version is not tested',
    );
  });

  it('warns of a newer pi that is not used, with what to do', () => {
    const error = errorInfo('pi_node_too_old', 'pi 1.6.0 at /opt/pi cannot be used: it needs Node >=22.19.0');
    const findings = piFindings(
      found({ warnings: [error], unused: [{ path: '/opt/pi', version: '1.6.0', why: error }] }),
    );
    expect(findings.slice(1)).toEqual([
      {
        ...{ check: 'pi version', level: 'warn', todo: ERRORS.pi_node_too_old.hint },
        text: 'pi 1.6.0 at /opt/pi cannot be used: it needs Node >=22.19.0',
      },
    ]);
  });

  it('states what a newer pi beside the one in use would change', () => {
    const why = { message: 'pi 1.6.0 at /opt/pi is not used, because bundled was chosen with --pi or PIZZAPI_PI.' };
    const [, beside] = piFindings(found({ unused: [{ path: '/opt/pi', version: '1.6.0', why, root: '/opt/pi' }] }));
    expect(beside).toMatchObject({
      level: 'ok',
      text: expect.stringMatching(/It is newer: sessions would have/) as unknown,
    });
  });

  it('fails when the pi that is named cannot be used', () => {
    const error = errorInfo('pi_too_old', 'pi 0.50.0 at /old cannot be loaded');
    expect(piFindings({ kind: 'failed', error })).toEqual([
      { check: 'pi version', level: 'fail', text: 'pi 0.50.0 at /old cannot be loaded', todo: ERRORS.pi_too_old.hint },
    ]);
  });
});
