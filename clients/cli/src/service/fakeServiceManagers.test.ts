import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { writeRunnerToken } from '../runnerToken.js';
import { run } from '../testing/run.js';
import { openLaunchd } from './launchd.js';

/**
 * Fake programs in PATH play systemctl, loginctl, journalctl and launchctl, which the machines of these tests do not have. Each
 * writes its arguments to `calls`. What the real ones do is not tested here.
 */
let home: string;
let bin: string;
let env: NodeJS.ProcessEnv;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'pizzapi-service-'));
  bin = join(home, 'bin');
  mkdirSync(bin);
  env = { HOME: home, PIZZAPI_HOME: join(home, 'data'), PATH: bin, ANTHROPIC_API_KEY: 'sk-secret' };
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

function fake(name: string, body: string): void {
  const log = `echo "${name} $*" >>'${join(home, 'calls')}'`;
  writeFileSync(join(bin, name), `#!/bin/sh\n${log}\n${body}\n`);
  chmodSync(join(bin, name), 0o755);
}
const calls = (): string[] => readFileSync(join(home, 'calls'), 'utf8').trim().split('\n');
const pair = () =>
  writeRunnerToken(join(home, 'data'), { token: 'pzr_secret', relayUrl: 'https://h', natsUrl: undefined });

describe.runIf(process.platform === 'linux')('on a fake systemd', () => {
  const unit = () => join(home, '.config', 'systemd', 'user', 'pizzapi-runner.service');
  const SHOWN = `LoadState=loaded\\nActiveState=active\\nUnitFileState=enabled\\nMainPID=42\\nNRestarts=2\\nActiveEnterTimestamp=Sun 2026-11-29 17:29:06 UTC`;
  beforeEach(() => {
    fake('systemctl', `case "$*" in *LoadState*) printf '${SHOWN}\\n' ;; esac`);
    fake('loginctl', '');
    fake('journalctl', `printf 'one\\ntwo\\n'`);
  });

  it('runner install writes the unit for its owner only, without a secret, and starts it, also while signed out', async () => {
    pair();
    const ran = await run(['runner', 'install'], { env });
    expect([ran.code, ran.stdout]).toEqual([0, 'The runner runs, also after a restart of this machine.\n']);
    expect(ran.stderr).toContain('warning: ANTHROPIC_API_KEY is a secret and is not in the unit');
    expect(statSync(unit()).mode & 0o777).toBe(0o600);
    const text = readFileSync(unit(), 'utf8');
    expect(text).toContain(`Environment="PIZZAPI_HOME=${join(home, 'data')}"`);
    expect(text).not.toMatch(/secret/);
    expect(calls()).toEqual(
      expect.arrayContaining([
        'systemctl --user daemon-reload',
        'systemctl --user enable pizzapi-runner.service',
        'systemctl --user restart pizzapi-runner.service',
        'loginctl enable-linger',
      ]),
    );
  });

  it('runner install says what to run when lingering is refused, and fails when this machine is not paired', async () => {
    fake('loginctl', 'echo "Access denied" >&2; exit 1');
    const unpaired = await run(['runner', 'install'], { env });
    expect([unpaired.code, unpaired.stderr]).toEqual([1, expect.stringMatching(/^runner_token_missing: /)]);
    pair();
    const ran = await run(['runner', 'install'], { env });
    expect([ran.code, ran.stderr]).toEqual([0, expect.stringMatching(/Access denied.*sudo loginctl enable-linger/)]);
  });

  it('runner status prints state, start, restarts and the end of the log, as text and as JSON', async () => {
    const text = await run(['runner', 'status'], { env });
    expect([text.code, text.stdout]).toEqual([
      0,
      `state     running\nsince     2026-11-29T17:29:06.000Z, process 42\nstarts    with the machine\nrestarts  2\nunit      ${unit()}\nlog       journalctl --user --unit=pizzapi-runner.service\n  one\n  two\n`,
    ]);
    const json = await run(['runner', 'status', '--json'], { env });
    expect(JSON.parse(json.stdout)).toEqual({
      ...{ manager: 'systemd', file: unit(), installed: true, running: true, enabled: true, pid: 42, restarts: 2 },
      ...{ since: Date.UTC(2026, 10, 29, 17, 29, 6), log: ['one', 'two'] },
      logCommand: 'journalctl --user --unit=pizzapi-runner.service',
    });
    fake('systemctl', `case "$*" in *LoadState*) printf 'LoadState=not-found\\nActiveState=inactive\\n' ;; esac`);
    const none = await run(['runner', 'status'], { env });
    expect([none.code, none.stdout]).toEqual([1, 'state     not installed\ninstall   pizzapi runner install\n']);
  });

  it('runner uninstall stops the runner, removes the unit, and does nothing the second time', async () => {
    pair();
    await run(['runner', 'install'], { env });
    expect(await run(['runner', 'uninstall'], { env })).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/stopped/) as string,
    });
    expect(existsSync(unit())).toBe(false);
    expect(calls()).toContain('systemctl --user stop pizzapi-runner.service');
    fake('systemctl', `case "$*" in *LoadState*) printf 'LoadState=not-found\\n' ;; esac`);
    expect((await run(['runner', 'uninstall'], { env })).stdout).toBe('The runner was not installed.\n');
  });

  it('without systemd, and when systemd refuses, an error says what to do instead', async () => {
    pair();
    fake('systemctl', `case "$*" in *enable*) echo "Unit is masked" >&2; exit 1 ;; esac`);
    expect(await run(['runner', 'install'], { env })).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(
        /^service_failed: .*enable.* failed: Unit is masked\. .*`pizzapi runner`/,
      ) as string,
    });
    rmSync(join(bin, 'systemctl'));
    for (const command of ['install', 'uninstall', 'status'])
      expect(await run(['runner', command], { env })).toMatchObject({
        code: 1,
        stderr: expect.stringMatching(/^no_service_manager: systemd .*it is not installed.*tmux/) as string,
      });
  });
});

describe('on a fake launchd', () => {
  const plist = () => join(home, 'Library', 'LaunchAgents', 'pizzapi.runner.plist');
  const spec = { command: ['/node', '/pizzapi', 'runner'] as const, env: { HOME: '/home' }, folder: '/home' };
  /** It keeps an agent in a file, and removes it some answers after it was asked to. */
  const launchctl = () =>
    fake(
      'launchctl',
      `agent='${join(home, 'agent')}'
      case $1 in
        bootstrap) [ ! -e "$agent" ] || exit 5; echo loaded >"$agent" ;;
        bootout) [ -e "$agent" ] || exit 3; echo leaving >"$agent" ;;
        print)
          case $2 in gui/501) exit 0 ;; esac
          [ -e "$agent" ] || exit 113
          printf '\\tpid = 42\\n\\truns = 3\\n'
          if [ "$(/bin/cat "$agent")" = leaving ]; then /bin/rm "$agent"; fi ;;
      esac`,
    );
  const open = () => openLaunchd(env, home, 501, () => Promise.resolve());

  it('an agent is installed, waits for the one before it to be gone, and is removed', async () => {
    launchctl();
    fake('ps', "echo 'Sun Nov 29 17:29:06 2026'");
    const manager = await open();
    for (let times = 0; times < 2; times++) expect(await manager.install(spec)).toEqual([]);
    expect(statSync(plist()).mode & 0o777).toBe(0o600);
    mkdirSync(join(home, 'Library/Logs/PizzaPi'), { recursive: true });
    writeFileSync(join(home, 'Library/Logs/PizzaPi/runner.log'), 'one\ntwo\n');
    expect(await manager.status()).toMatchObject({
      ...{ manager: 'launchd', installed: true, running: true, enabled: true, pid: 42, restarts: 2 },
      ...{ since: Date.UTC(2026, 10, 29, 17, 29, 6), log: ['one', 'two'] },
    });
    expect(calls()).toContain(`launchctl bootstrap gui/501 ${plist()}`);
    expect(await manager.uninstall()).toBe(true);
    expect(await manager.status()).toMatchObject({ installed: false, running: false, pid: null, since: null });
    expect(await manager.uninstall()).toBe(false);
  });

  it('without a session at the screen, an error says what to do instead', async () => {
    fake('launchctl', 'echo "Could not find domain" >&2; exit 113');
    await expect(open()).rejects.toMatchObject({ code: 'no_service_manager' });
  });
});
