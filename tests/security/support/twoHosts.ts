import { natsUserOf } from '@pizzapi/protocol';
import { startLocalStack, type LocalStack } from '../../support/localStack.js';
import { newSession } from '../../support/viewer.js';
import { hostSession, startHost, type Host, type HostedSession } from './hosts.js';
import { ask } from './http.js';
import { newKey, settleOwner, signUp, type Person } from './people.js';
import { RawNats, type RawNatsLogin } from './rawNats.js';

/** Ada's machine runs a session. Eve has an account of the same relay, a token for a host, and raw connections. */
export interface TwoHosts {
  stage: LocalStack;
  ada: { sid: string; rid: string };
  eve: Person;
  /** Eve's, and a session of hers. */
  host: Host;
  mine: HostedSession;
  /** Connections with the logins of Eve's daemon and worker. */
  raw: Record<'runner' | 'keeper' | 'session', RawNats>;
  clear(): Promise<void>;
}

export async function startTwoHosts(): Promise<TwoHosts> {
  const stage = await startLocalStack({ PIZZAPI_SIGNUP: 'open' });
  await settleOwner(stage);
  const eve = await signUp(stage, 'Eve');
  const sid = await newSession(stage);
  const { runners } = (await ask(stage.url, '/api/runners', { bearer: stage.token })).json as {
    runners: { runnerId: string }[];
  };
  const { token } = await newKey(stage, eve, { name: 'laptop', kind: 'runner' });
  const host = await startHost(stage, 'eves-laptop', token);
  const mine = await hostSession(stage, host, 'eves-session');
  const letIn = async (login: RawNatsLogin): Promise<RawNats> => {
    const outcome = await RawNats.open(stage.natsUrl, login);
    if (outcome.kind === 'open') return outcome.nats;
    throw new Error(`${login.user} was refused: ${outcome.error}`);
  };
  const raw = {
    runner: await letIn(host.login),
    keeper: await letIn({ ...host.login, user: natsUserOf({ kind: 'keeper', rid: host.rid }) }),
    session: await letIn(mine.login),
  };
  return {
    ...{ stage, ada: { sid, rid: runners[0]!.runnerId }, eve, host, mine, raw },
    clear: async () => {
      for (const each of Object.values(raw)) each.close();
      await mine.close();
      await host.close();
      await stage.clear();
    },
  };
}
