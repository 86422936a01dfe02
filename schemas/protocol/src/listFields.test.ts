import { expect, it } from 'vitest';
import { initialRunnerInfo } from './fold/runnerInfo.js';
import { initialSessionInfo } from './fold/sessionInfo.js';
import { withListFields, withRunnerListFields } from './listFields.js';

it('a session of a list has the fields of the original protocol beside ours', () => {
  const session = { ...initialSessionInfo('s1'), name: 'One', model: 'demo/demo', lastActivityAt: 5 };
  const known = { shareUrl: 'http://x/s/s1', runnerName: 'laptop', userName: 'Ada', viewerCount: 2, expiresAt: 9 };
  const shown = withListFields({ ...session, host: 'connected' }, known);
  expect(shown).toMatchObject({
    ...{ sessionId: 's1', name: 'One', shareUrl: 'http://x/s/s1', sessionName: 'One', waiting: [], cost: 0 },
    ...{ isEphemeral: false, isActive: true, lastHeartbeatAt: 5, runnerName: 'laptop' },
    ...{ userName: 'Ada', viewerCount: 2, expiresAt: 9 },
    ...{ model: { provider: 'demo', id: 'demo' }, modelInfo: { provider: 'demo', id: 'demo' } },
  });
  expect(withListFields({ ...session, model: '', state: 'ended' }, { shareUrl: '' })).toMatchObject({
    ...{ model: null, modelInfo: null, isActive: false },
  });
});

it('an entry of a session leaves out what its reader may not know', () => {
  const shown = withListFields(initialSessionInfo('s1'), { shareUrl: '', runnerName: undefined, userName: undefined });
  for (const key of ['runnerName', 'userName', 'viewerCount', 'expiresAt']) expect(shown).not.toHaveProperty(key);
});

it('an entry that has its model in parts already stays as it is', () => {
  const model = { provider: 'openrouter', id: 'a/b' };
  expect(withListFields({ ...initialSessionInfo('s1'), model }, { shareUrl: '' })).toMatchObject({ model });
});

it('a runner of a list counts its sessions, and has skills and agents also when its host announces none', () => {
  const runner = { ...initialRunnerInfo('r1'), sessions: ['a', 'b'], services: ['x'] };
  expect(withRunnerListFields(runner)).toMatchObject({
    ...{ sessionCount: 2, serviceIds: ['x'], sessions: ['a', 'b'], skills: [], agents: [] },
  });
  const skills = [{ name: 'pdf', description: 'Reads PDF files', filePath: '/pdf/SKILL.md' }];
  expect(withRunnerListFields({ ...runner, skills })).toMatchObject({ skills, agents: [] });
});
