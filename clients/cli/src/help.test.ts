import { describe, expect, it } from 'vitest';
import { run } from './testing/run.js';

const COMMANDS = [
  ...['attach', 'run', 'resume', 'stop', 'kill', 'delete', 'rename', 'fork', 'usage'],
  ...['link', 'sessions', 'tail', 'share', 'import', 'login', 'logout', 'whoami', 'audit', 'top'],
  ...['runner pair', 'runner list', 'runner forget', 'runner install', 'runner uninstall', 'runner status'],
  ...['changes', 'worktrees', 'worktrees list', 'worktrees keep', 'worktrees merge', 'worktrees remove'],
  ...['exec', 'terminal', 'runner restart', 'runner shutdown', 'runner ping', 'runner stop', 'runner logs'],
  ...['files', 'files ls', 'files cat', 'files get', 'files put', 'files search'],
  'completion',
  ...['keys', 'keys list', 'keys create', 'keys revoke', 'users', 'users list', 'users disable', 'users enable'],
  ...['backup', 'restore', 'archive', 'open', 'purge', 'users retention'],
  ...['credentials', 'migrate', 'nats-env', 'provision', 'decode', 'doctor', 'pi', 'pi install-node'],
];

describe('the help', () => {
  it.each(['', ...COMMANDS])('the help of "pizzapi %s" equals its snapshot', async (name) => {
    const { code, stdout, stderr } = await run([...name.split(' ').filter((word) => word !== ''), '--help']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatchSnapshot();
  });

  it('every command that the help lists is in the snapshot', async () => {
    const { stdout } = await run(['--help']);
    const listed = [...stdout.matchAll(/^ {2}([a-z][a-z-]*)(?:\||\s)/gm)].map(([, name]) => name!);
    const others = ['local', 'runner', 'help'];
    expect(listed.filter((name) => !COMMANDS.includes(name))).toEqual(expect.arrayContaining(others));
    expect(listed.filter((name) => !COMMANDS.includes(name) && !others.includes(name))).toEqual([]);
  });

  it.each(COMMANDS)('the help of "pizzapi %s" has an example', async (name) => {
    expect((await run([...name.split(' '), '--help'])).stdout).toContain(`$ `);
  });
});

describe('an invalid command line', () => {
  it.each([
    [['docter'], "bad_option: Unknown command 'docter' (Did you mean doctor?). "],
    [['explain', 'x'], '`pizzapi -- explain x` passes it to pi.'],
    [['tail'], "bad_option: Missing required argument 'session'."],
    [['sessions', '--jsno'], "bad_option: Unknown option '--jsno' (Did you mean --json?)."],
    [['sessions', '--relay-url', 'nonsense'], 'bad_option: --relay-url is "nonsense"'],
    [['tail', 'x', '--from', '-1'], 'invalid_offset: --from is "-1".'],
  ])('the invalid command line %j prints one sentence on stderr and exits with code 2', async (argv, sentence) => {
    const { code, stdout, stderr } = await run(argv);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(sentence);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
  });
});

it('pizzapi prints its version', async () => {
  expect(await run(['--version'])).toEqual({ code: 0, stdout: '1.2.3\n', stderr: '' });
});
