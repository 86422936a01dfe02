import { execFile } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

/** `install.sh` with fake curl, wget, npm and an own folder as home. The walk with the real ones is a system test. */
const SCRIPT = readFileSync(new URL('../package/install.sh', import.meta.url), 'utf8').replace(
  "'@RELAY@'",
  "'https://relay.example'",
);
const TOOLS = ['node', 'sh', 'cat', 'mkdir', 'mktemp', 'mv', 'rm', 'ln', 'readlink', 'grep', 'ps', 'pwd', 'env'];

let home: string;
let bin: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'pizzapi install-'));
  bin = join(home, 'tools');
  mkdirSync(bin);
  for (const tool of TOOLS) {
    const path = [process.execPath, `/bin/${tool}`, `/usr/bin/${tool}`].find(
      (one) => one.endsWith(`/${tool}`) && existsSync(one),
    );
    if (path !== undefined) symlinkSync(path, join(bin, tool));
  }
  // The package is a text, and what is installed from it writes how it is called.
  fake('curl', `while [ $# -gt 2 ]; do case $1 in -o) out=$2 ;; esac; shift; done; echo "\${PACKAGE:-first}" >"$out"`);
  fake(
    'npm',
    `mkdir -p "$4/bin"; printf '#!/bin/sh\\necho "pizzapi $*" >>"%s"\\n[ "$1" != --version ] || echo 1.2.3\\n' "$HOME/calls" >"$4/bin/pizzapi"; chmod +x "$4/bin/pizzapi"`,
  );
  symlinkSync('/bin/chmod', join(bin, 'chmod'));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

function fake(name: string, body: string): void {
  rmSync(join(bin, name), { force: true });
  writeFileSync(join(bin, name), `#!/bin/sh\necho "${name} $*" >>"$HOME/calls"\n${body}\n`);
  chmodSync(join(bin, name), 0o755);
}

/** Runs the script as \`curl … | sh -s -- args\`, in a session without a terminal. */
function runScript(
  args: readonly string[] = [],
  { env = {}, script = SCRIPT }: { env?: NodeJS.ProcessEnv; script?: string } = {},
) {
  return new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
    const all = { HOME: home, PATH: bin, ...env };
    const options = { env: all, cwd: home, timeout: 60_000 };
    const child = execFile(
      '/usr/bin/setsid',
      ['-w', '/bin/sh', '-s', '--', ...args],
      options,
      (error, stdout, stderr) => resolve({ code: typeof error?.code === 'number' ? error.code : 0, stdout, stderr }),
    );
    child.stdin?.end(script);
  });
}
const calls = (): string[] =>
  existsSync(join(home, 'calls')) ? readFileSync(join(home, 'calls'), 'utf8').trim().split('\n') : [];
const prefix = () => join(home, '.local', 'share', 'pizzapi');
const versions = () => readdirSync(prefix()).filter((name) => name.startsWith('pizzapi-'));

describe.runIf(existsSync('/usr/bin/setsid'))('the script that installs a host', () => {
  it('is short enough to be read', () => {
    expect(SCRIPT.trimEnd().split('\n').length).toBeLessThan(80);
  });

  it('does nothing when it arrives in part', { timeout: 120_000 }, async () => {
    const whole = SCRIPT.trimEnd();
    const ends = [...whole.matchAll(/\n/g)].map(({ index }) => index);
    const last = whole.lastIndexOf('\n');
    for (let at = last + 1; at < whole.length; at++) ends.push(at);
    const before = readdirSync(home);
    await Promise.all(ends.map((end) => runScript([], { script: whole.slice(0, end) })));
    expect([calls(), readdirSync(home)]).toEqual([[], before]);
  });

  it('installs for one person, links the command, pairs under the name, and says that the link is not in PATH', async () => {
    const { code, stderr } = await runScript(['--name', "Ada's box"]);
    expect([code, stderr]).toEqual([0, expect.stringContaining('.local/bin is not in PATH')]);
    expect(versions()).toHaveLength(1);
    expect(readlinkSync(join(prefix(), 'current'))).toBe(versions()[0]);
    expect(calls()[0]).toMatch(/^curl -fsSL -o .* https:\/\/relay\.example\/install\/pizzapi\.tgz$/);
    expect(calls()[1]).toMatch(/^npm install --global --prefix .* --ignore-scripts /);
    expect(calls().slice(2)).toEqual([
      'pizzapi --version',
      "pizzapi runner pair --relay-url https://relay.example --if-unpaired --name Ada's box",
      'pizzapi runner status --json',
    ]);
    expect(stderr).toContain(`Start it with: ${home}/.local/bin/pizzapi runner`);
    // No half of a download stays.
    expect(readdirSync(prefix()).sort()).toEqual(['current', ...versions()].sort());
  });

  it('run again it installs only what is new, and keeps the version before for the sessions that run on it', async () => {
    for (const text of ['first', 'first', 'second']) await runScript(['--no-pair'], { env: { PACKAGE: text } });
    expect(calls().filter((call) => call.startsWith('npm'))).toHaveLength(2);
    const [, second] = [versions(), readlinkSync(join(prefix(), 'current'))];
    expect(versions()).toHaveLength(2);
    await runScript(['--no-pair'], { env: { PACKAGE: 'third' } });
    expect(versions()).toHaveLength(2);
    expect(versions()).toContain(second);
    expect(calls().some((call) => call.includes('runner'))).toBe(false);
  });

  it('every version stays where the processes of the machine cannot be listed', async () => {
    fake('ps', 'exit 1');
    for (const text of ['first', 'second', 'third']) await runScript(['--no-pair'], { env: { PACKAGE: text } });
    expect(versions()).toHaveLength(3);
  });

  it('an old Node, no npm, no way to download and a failed download are each an error that says what to do', async () => {
    fake('curl', 'exit 22');
    const failed = await runScript();
    expect([failed.code, failed.stderr]).toEqual([
      1,
      expect.stringMatching(/cannot be downloaded\. Check the network/),
    ]);
    rmSync(join(bin, 'curl'));
    expect((await runScript()).stderr).toMatch(/curl or wget is needed/);
    fake('node', 'case $1 in -v) echo v18.1.0 ;; *) exit 1 ;; esac');
    expect((await runScript()).stderr).toMatch(
      /Node v18\.1\.0 is too old: 20\.19 or newer is needed\. Install it from/,
    );
    rmSync(join(bin, 'npm'));
    const none = await runScript();
    expect([none.code, none.stderr]).toEqual([
      1,
      expect.stringMatching(/20\.19 or newer is needed, with npm\. Install/),
    ]);
    expect(existsSync(join(prefix(), 'current'))).toBe(false);
  });

  it('wget does in place of curl, and both take the own authority and the proxy', async () => {
    const env = { PIZZAPI_CA: '/my ca.pem', HTTPS_PROXY: 'http://proxy:1' };
    await runScript(['--no-pair'], { env });
    rmSync(join(bin, 'curl'));
    fake(
      'wget',
      `while [ $# -gt 2 ]; do case $1 in -O) out=$2 ;; esac; shift; done; echo "$https_proxy $NODE_EXTRA_CA_CERTS" >"$out.seen"; echo x >"$out"; cp "$out.seen" "$HOME/seen"`,
    );
    symlinkSync('/bin/cp', join(bin, 'cp'));
    expect(await runScript(['--no-pair'], { env })).toMatchObject({ code: 0 });
    expect(calls().find((call) => call.startsWith('curl'))).toContain('--cacert /my ca.pem ');
    expect(calls().find((call) => call.startsWith('wget'))).toContain('--ca-certificate=/my ca.pem ');
    expect(readFileSync(join(home, 'seen'), 'utf8')).toBe('http://proxy:1 /my ca.pem\n');
  });

  it('--help and wrong options install nothing, and another program of the name is left alone', async () => {
    const help = await runScript(['--help']);
    expect([help.code, help.stdout]).toEqual([0, expect.stringMatching(/^Usage: curl .*--prefix/s)]);
    for (const args of [['--nonsense'], ['--prefix'], ['--name', '']])
      expect(await runScript(args)).toMatchObject({ code: 1, stderr: expect.stringMatching(/--help lists/) as string });
    mkdirSync(join(home, '.local', 'bin'), { recursive: true });
    writeFileSync(join(home, '.local', 'bin', 'pizzapi'), 'mine');
    expect(await runScript()).toMatchObject({ code: 1, stderr: expect.stringMatching(/is another program/) as string });
    expect([calls(), readFileSync(join(home, '.local', 'bin', 'pizzapi'), 'utf8')]).toEqual([[], 'mine']);
  });
});
