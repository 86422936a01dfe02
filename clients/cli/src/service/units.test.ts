import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { launchdPlist } from './launchdPlist.js';
import { keptEnvironment, type ServiceSpec } from './serviceSpec.js';
import { systemdUnit } from './systemdUnit.js';

const SPEC: ServiceSpec = {
  command: ['/usr/bin/node', '/home/ada/.local/bin/pizzapi', 'runner'],
  env: { HOME: '/home/ada', PATH: '/usr/bin:/bin' },
  folder: '/home/ada',
};
const HOSTILE = [
  'a b',
  "quote\"s and 'these'",
  'back\\slash\\n',
  '100% $HOME ${HOME} $$ %h %%',
  'line\nExecStartPre=/bin/false',
  'tab\tand\rreturn',
  '</string><key>Program</key>&amp;',
  'ünïcödé 🍕',
  '; # - @ : + !',
];

/** Reads the words of a setting as systemd does: quotes, escapes of C, specifiers, and variables in arguments. */
function readWords(setting: string, { isCommand = false } = {}): string[] {
  const words = [...setting.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, word]) => word!);
  expect(words.map((word) => `"${word}"`).join(' ')).toBe(setting);
  return words.map((word, at) => {
    const plain = word
      .replace(/\\(x[0-9a-f]{2}|.)/g, (_, code: string) =>
        code.length === 3 ? String.fromCharCode(Number.parseInt(code.slice(1), 16)) : code,
      )
      .replace(/%(.)/g, (_, next: string) => {
        expect(next).toBe('%');
        return '%';
      });
    return isCommand && at > 0 ? plain.replace(/\$(.?)/g, (_, next: string) => (expect(next).toBe('$'), '$')) : plain;
  });
}

const settings = (unit: string, name: string): string[] =>
  unit.split('\n').flatMap((line) => (line.startsWith(`${name}=`) ? [line.slice(name.length + 1)] : []));

describe('the systemd unit of a runner', () => {
  it('starts with the account, is started again with growing pauses, and leaves the sessions alone', () => {
    expect(systemdUnit(SPEC)).toMatchInlineSnapshot(`
      "# Written by \`pizzapi runner install\`, which replaces it.
      [Unit]
      Description=PizzaPi runner
      StartLimitIntervalSec=0

      [Service]
      Type=exec
      ExecStart="/usr/bin/node" "/home/ada/.local/bin/pizzapi" "runner"
      Environment="HOME=/home/ada"
      Environment="PATH=/usr/bin:/bin"
      WorkingDirectory=~
      KillMode=process
      Restart=always
      RestartSec=5
      RestartSteps=6
      RestartMaxDelaySec=60
      TimeoutStopSec=30
      SyslogIdentifier=pizzapi-runner

      [Install]
      WantedBy=default.target
      "
    `);
  });

  it.each(HOSTILE)('has the text %j as it is, in the path, in an argument and in a variable', (text) => {
    const unit = systemdUnit({ ...SPEC, command: [`/opt/${text}/node`, text, 'runner'], env: { PATH: text } });
    expect(settings(unit, 'ExecStart').map((line) => readWords(line, { isCommand: true }))).toEqual([
      [`/opt/${text}/node`, text, 'runner'],
    ]);
    expect(settings(unit, 'Environment').map((line) => readWords(line))).toEqual([[`PATH=${text}`]]);
    expect(settings(unit, 'ExecStartPre')).toEqual([]);
  });

  it('has any text as it is', () => {
    const text = fc.string({ unit: 'binary' }).filter((one) => !/[\x80-\x9f\ud800-\udfff]/.test(one));
    fc.assert(
      fc.property(text, (value) => {
        const unit = systemdUnit({ ...SPEC, env: { PATH: value } });
        expect(settings(unit, 'Environment').flatMap((line) => readWords(line))).toEqual([`PATH=${value}`]);
      }),
    );
  });
});

/** Reads the texts of a property list as an XML parser does. */
const readTexts = (plist: string): string[] =>
  [...plist.matchAll(/<string>([^<]*)<\/string>/g)].map(([, text]) =>
    text!
      .replace(/&(lt|gt|#13|amp);/g, (_, name: string) => ({ lt: '<', gt: '>', '#13': '\r', amp: '&' })[name]!)
      .toString(),
  );

describe('the launchd agent of a runner', () => {
  it('starts at sign-in, is started again whenever it ends, and leaves the sessions alone', () => {
    const plist = launchdPlist(SPEC, '/Users/ada/Library/Logs/PizzaPi/runner.log');
    expect(readTexts(plist)).toEqual([
      ...['pizzapi.runner', ...SPEC.command, '/home/ada', '/usr/bin:/bin', '/home/ada'],
      ...['/Users/ada/Library/Logs/PizzaPi/runner.log', '/Users/ada/Library/Logs/PizzaPi/runner.log'],
    ]);
    for (const key of ['RunAtLoad', 'KeepAlive', 'AbandonProcessGroup'])
      expect(plist).toContain(`<key>${key}</key>\n  <true/>`);
  });

  it.each(HOSTILE)('has the text %j as it is', (text) => {
    const plist = launchdPlist({ ...SPEC, command: ['/node', text], env: { PATH: text } }, text);
    expect(readTexts(plist).filter((one) => one === text)).toHaveLength(4);
    expect(plist.match(/<key>/g)).toHaveLength(11);
  });

  it('a text that XML cannot hold is refused', () => {
    expect(() => launchdPlist({ ...SPEC, env: { PATH: 'a\x00b' } }, '/log')).toThrow(/launchd cannot take/);
  });
});

it('a unit keeps the path, the proxies and the options of the runner, and no secret', () => {
  const kept = {
    ...{
      HOME: '/home/ada',
      PATH: '/bin',
      PIZZAPI_HOME: '/data',
      PIZZAPI_CA: '/ca.pem',
      https_proxy: 'http://proxy:3128',
    },
    ...{ NO_PROXY: 'localhost,10.0.0.0/8', PIZZAPI_ROOTS: '/home/ada/projects', PIZZAPI_NATS_URL: 'wss://h/nats' },
  };
  const secrets = {
    HTTPS_PROXY: 'http://ada:secret@proxy:3128',
    HTTP_PROXY: 'ada:secret@proxy:3128',
    ALL_PROXY: 'socks5://token@proxy',
  };
  const never = {
    PIZZAPI_RUNNER_TOKEN: 'pzr_secret',
    ANTHROPIC_API_KEY: 'sk',
    PIZZAPI_API_KEY: 'pzk_secret',
    OTHER: 'x',
  };
  expect(keptEnvironment({ ...kept, ...secrets, ...never, LANG: '' })).toEqual({
    env: kept,
    secret: ['ALL_PROXY', 'HTTPS_PROXY', 'HTTP_PROXY'],
  });
});
