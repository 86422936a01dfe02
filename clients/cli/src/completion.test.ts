import { initialRunnerInfo, initialSessionInfo } from '@pizzapi/protocol';
import { execFileSync } from 'node:child_process';
import { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { candidates, completionScript, type CompletionSource } from './completion.js';
import { run } from './testing/run.js';

const session = (sessionId: string, name: string) => ({ ...initialSessionInfo(sessionId), name });
const source: CompletionSource = {
  sessions: () =>
    Promise.resolve([
      session('s_aaaabbbb', 'Docs'),
      session('s_aaaacccc', '$(touch x)'),
      session('s_dddd', 'the test'),
    ]),
  runners: () => Promise.resolve([{ ...initialRunnerInfo('box_1234'), name: 'box' }]),
  programFlags: () => Promise.resolve(['--port', '--signup']),
};

function program(): Command {
  const root = new Command('pizzapi');
  root.command('attach <session>').option('--name <name>', 'Your name').option('--json', 'As JSON');
  root.command('run [prompt]').option('--runner <runner>', 'Runner');
  root.command('keys').command('list');
  root.command('local').helpOption(false);
  root.command('hidden', { hidden: true });
  return root;
}
const words = async (...typed: string[]) => (await candidates(program(), typed, source)).map(({ word }) => word);

describe('completion', () => {
  it('completion offers commands and subcommands, without hidden ones', async () => {
    expect(await words('')).toEqual(['attach', 'run', 'keys', 'local']);
    expect(await words('at')).toEqual(['attach']);
    expect(await words('keys', '')).toContain('list');
  });

  it('completion offers the flags of a command, of the program behind it, and the values of a flag', async () => {
    expect(await words('attach', '--')).toEqual(['--name', '--json', '--help']);
    expect(await words('local', '--s')).toEqual(['--signup']);
    expect(await words('run', '--runner', '')).toEqual(['box']);
    expect(await words('attach', '--name', '')).toEqual([]);
    expect(await words('run', '--', '--')).toEqual([]);
  });

  it('completion offers last, short ids and names of sessions, but no name that a shell could expand', async () => {
    expect(await words('attach', '')).toEqual(['last', 's_aaaabb', 's_aaaacc', 's_dddd', 'Docs', 'the test']);
    expect(await words('attach', '--json', 's_aaaab')).toEqual(['s_aaaabb']);
    expect(await words('attach', 's_dddd', '')).toEqual([]);
    expect(await words('attach', 'the\\ t')).toEqual(['the test']);
  });

  it('the completion of bash inserts candidates as words and expands none', () => {
    const script = `
      pizzapi() { printf '%s\\n' "$*" >&2; printf 'the test\\tabout\\n$(exit 3)\\t\\n'; }
      ${completionScript('bash').replace('2>/dev/null', '2>&2')}
      COMP_WORDS=(pizzapi attach th) COMP_CWORD=2
      _pizzapi
      printf '%s\\n' "\${COMPREPLY[@]}"`;
    const printed = execFileSync('bash', ['-c', script], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    expect(printed).toBe('the\\ test\n\\$\\(exit\\ 3\\)\n');
  });

  it('completion prints a script for a known shell, and refuses another one', async () => {
    expect((await run(['completion', 'zsh'])).stdout).toBe(`${completionScript('zsh')}\n`);
    expect(await run(['completion', 'tcsh'])).toMatchObject({ code: 2, stdout: '' });
    expect((await run(['__complete', '--', 'resu'])).stdout).toMatch(/^resume\tContinue a session/);
  });
});
