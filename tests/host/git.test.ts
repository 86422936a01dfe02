import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { MethodReply, MethodRequest, RunnerMethod } from '@pizzapi/protocol';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCli } from '../support/cli.js';
import { shareLocalStack, type SharedStack } from '../support/localStack.js';
import { until } from '../support/until.js';
import { apiOf, tell, untilHosted } from '../support/viewer.js';

let stage: SharedStack;
let rid: string;
/** The repository of the person. */
let project: string;

beforeAll(async () => {
  stage = await shareLocalStack();
  project = join(stage.project, 'app');
  execFileSync('git', ['init', '--quiet', '--initial-branch=main', project]);
  for (const [key, value] of [
    ['user.name', 'Ada'],
    ['user.email', 'ada@example.com'],
  ])
    git('config', key!, value!);
  writeFileSync(join(project, 'a.txt'), 'one\n');
  git('add', '.');
  git('commit', '--quiet', '-m', 'one');
  const reply = await apiOf(stage).runners();
  if (reply.kind === 'failed') throw new Error(reply.error.message);
  rid = reply.value.runners[0]!.runnerId;
}, 120_000);
afterAll(() => stage.release());

const git = (...args: string[]) => execFileSync('git', args, { cwd: project }).toString();

async function ask<M extends RunnerMethod>(method: M, request: MethodRequest<M>): Promise<MethodReply<M>> {
  const reply = await apiOf(stage).runnerCall(rid, method, request);
  if (reply.kind === 'failed') throw new Error(`${reply.error.code}: ${reply.error.message}`);
  return reply.value;
}

/** What the agent writes in one turn, by the demo model. */
const writing = (path: string, content: string) => `/demo call write ${JSON.stringify({ path, content })}`;

const turns = (sessionId: string, number: number) =>
  until(`turn ${number} of ${sessionId}`, async () => {
    const changes = await ask('session_changes', { sessionId });
    return changes.turns.length >= number ? changes : undefined;
  });

async function endSession(sid: string): Promise<void> {
  const reply = await apiOf(stage).command(sid, { name: 'kill_session' });
  if (reply.kind === 'failed') throw new Error(reply.error.message);
  await until('the session has ended', async () => {
    const found = await apiOf(stage).session(sid);
    return found.kind === 'ok' && found.value.session.state === 'ended';
  });
}

describe('git on a host', () => {
  it('two sessions on one repository work at once, each in a work tree of its own, and both are merged', async () => {
    const started = await Promise.all(
      ['first', 'second'].map(async (name) => {
        const words = ['--detach', '--worktree', '--name', name, '--cwd', project, '--model', 'demo/demo'];
        const run = await runCli(stage, 'run', ...words, writing(`${name}.txt`, `${name}\n`));
        expect(run.stderr).toBe('');
        return run.stdout.split('\n')[0]!;
      }),
    );
    const changes = await Promise.all(started.map((sid) => turns(sid, 1)));
    changes.forEach((one, index) => {
      const path = `${['first', 'second'][index]!}.txt`;
      expect(one).toMatchObject({
        source: 'git',
        files: [{ path, state: 'added', added: 1 }],
        worktree: { baseBranch: 'main', repository: project, ended: false, uncommitted: 1 },
      });
      expect(one.top).not.toBe(project);
      expect(existsSync(join(project, path))).toBe(false);
    });
    // Its folder is within the reach of other requests too.
    expect((await ask('git_status', { sessionId: started[0]! })).repository).toMatchObject({ linked: true });
    await Promise.all(started.map(endSession));
    for (const [index, name] of ['first', 'second'].entries()) {
      const { worktreeId } = changes[index]!.worktree!;
      const refused = await runCli(stage, 'worktrees', 'merge', worktreeId, '--remove');
      expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('worktree_unsaved') as string });
      const merged = await runCli(stage, 'worktrees', 'merge', worktreeId, '--commit', `Add ${name}`, '--remove');
      expect(merged).toMatchObject({ code: 0, stderr: '' });
      expect(readFileSync(join(project, `${name}.txt`), 'utf8')).toBe(`${name}\n`);
    }
    expect(git('worktree', 'list').trim().split('\n')).toHaveLength(1);
    expect((await ask('list_worktrees', {})).worktrees).toEqual([]);
  }, 120_000);

  it('the turns of a session are told apart, and one file is undone', async () => {
    const reply = await apiOf(stage).createSession({
      ...{ cwd: project, model: 'demo/demo', prompt: writing('a.txt', 'two\n') },
    });
    if (reply.kind === 'failed') throw new Error(reply.error.message);
    const { sessionId } = reply.value;
    await untilHosted(stage, sessionId);
    await turns(sessionId, 1);
    await tell(stage, sessionId, writing('b.txt', 'new\n'));
    const total = await turns(sessionId, 2);
    expect(total.files).toMatchObject([
      { path: 'a.txt', added: 1, removed: 1 },
      { path: 'b.txt', state: 'added' },
    ]);
    expect((await ask('session_changes', { sessionId, turn: 2 })).files).toMatchObject([{ path: 'b.txt' }]);
    const patch = await runCli(stage, 'changes', sessionId, '--turn', '1', '--patch');
    expect(patch.stdout).toContain('-one\n+two\n');
    const { was, now } = await ask('session_diff', { sessionId, path: 'a.txt' });
    await ask('session_undo', { sessionId, path: 'a.txt', was: was!, now: now! });
    expect(readFileSync(join(project, 'a.txt'), 'utf8')).toBe('one\n');
    await ask('git_commit', { cwd: project, message: 'Add b', all: true });
    expect((await ask('git_log', { cwd: project, limit: 1 })).commits).toMatchObject([{ subject: 'Add b' }]);
    const audit = await apiOf(stage).audit({});
    const rows = audit.kind === 'ok' ? JSON.stringify(audit.value) : '';
    expect(rows).toContain('git commit --all');
    expect(rows).not.toContain('Add b');
  }, 120_000);
});
