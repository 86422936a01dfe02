import { expect, it } from 'vitest';
import { initialRunnerInfo } from './fold/runnerInfo.js';
import { initialSessionInfo } from './fold/sessionInfo.js';
import { withListFields, withRunnerListFields } from './listFields.js';

it('a session of a list has the fields of the original protocol beside ours', () => {
  const session = { ...initialSessionInfo('s1'), name: 'One', model: 'demo/demo', lastActivityAt: 5 };
  const shown = withListFields({ ...session, host: 'connected' }, { shareUrl: 'http://x/s/s1', runnerName: 'laptop' });
  expect(shown).toMatchObject({
    ...{ sessionId: 's1', name: 'One', model: 'demo/demo', shareUrl: 'http://x/s/s1', sessionName: 'One' },
    ...{ isEphemeral: false, isActive: true, lastHeartbeatAt: 5, runnerName: 'laptop' },
    modelInfo: { provider: 'demo', id: 'demo' },
  });
  expect(withListFields({ ...session, model: '', state: 'ended' }, { shareUrl: '' })).toMatchObject({
    ...{ modelInfo: null, isActive: false },
  });
});

it('a runner of a list counts its sessions', () => {
  const runner = { ...initialRunnerInfo('r1'), sessions: ['a', 'b'], services: ['x'] };
  expect(withRunnerListFields(runner)).toMatchObject({ sessionCount: 2, serviceIds: ['x'], sessions: ['a', 'b'] });
});
