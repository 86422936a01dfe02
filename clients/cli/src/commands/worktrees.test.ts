import { initialRunnerInfo, type SessionWorktree } from '@pizzapi/protocol';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run } from '../testing/run.js';
import { ok, refuse, scriptedApi, type ScriptedApi } from '../testing/scriptedApi.js';

const RUNNER = { ...initialRunnerInfo('laptop'), name: 'laptop', online: true };
const WORKTREE: SessionWorktree = {
  ...{ worktreeId: 'app-1a2b3c4d', path: '/w/app-1a2b3c4d', repository: '/app', branch: 'pizzapi/x-1a2b3c4d' },
  ...{ base: 'a'.repeat(40), baseBranch: 'main', sessionId: 's_1', ended: true, createdAt: 1, kept: false },
  ...{ uncommitted: 2, ahead: 1, behind: 0, version: 'v1' },
};
const REMOVE = 'POST /api/runners/laptop/rpc/remove_worktree';

let api: ScriptedApi;
beforeAll(async () => {
  api = await scriptedApi({
    'GET /api/runners': () => ok({ runners: [RUNNER] }),
    'POST /api/runners/laptop/rpc/list_worktrees': () => ok({ worktrees: [WORKTREE] }),
    [REMOVE]: ({ body }) =>
      (body as { discard?: string }).discard === 'v1' ? ok({}) : refuse(409, 'worktree_unsaved'),
  });
});
afterAll(() => api.close());

const worktrees = (...words: string[]) => run(['worktrees', ...words, '--relay-url', api.url]);

describe('the work trees of sessions', () => {
  it('are listed with what is not merged and not committed', async () => {
    const { stdout } = await worktrees('list');
    expect(stdout).toMatch(/^app-1a2b3c4d +pizzapi\/x-1a2b3c4d +main +1 +2 +ended +s_1$/m);
  });

  it('are removed with unsaved work only after a confirmation, which names the state that was shown', async () => {
    const refused = await worktrees('remove', 'app-1a2b');
    expect(refused).toMatchObject({ code: 2, stdout: '' });
    expect(refused.stderr).toContain('2 files that are not committed and 1 commits that are not merged would be lost');
    api.requests.length = 0;
    expect(await worktrees('remove', 'app-1a2b', '--yes')).toMatchObject({ code: 0 });
    expect(api.requests.filter(({ route }) => route === REMOVE).map(({ body }) => body)).toEqual([
      { worktreeId: 'app-1a2b3c4d' },
      { worktreeId: 'app-1a2b3c4d', discard: 'v1' },
    ]);
  });

  it('cannot be named by a word that none of them has', async () => {
    expect((await worktrees('keep', 'other')).stderr).toContain('worktree_unknown');
  });
});
