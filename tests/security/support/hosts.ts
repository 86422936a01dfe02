import {
  claimGrant,
  connectBackbone,
  holdLease,
  openWriter,
  type Backbone,
  type Lease,
  type SessionWriter,
} from '@pizzapi/backbone';
import { natsUserOf, runnerPassword, type HostLogin } from '@pizzapi/protocol';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { RunningStack } from '../../support/localStack.js';
import { until } from '../../support/until.js';
import { ask } from './http.js';
import { newKey, type SignedInPerson } from './people.js';
import type { RawNatsLogin } from './rawNats.js';

/**
 * A host as the authenticator lets it in, with nothing behind it: no agent and no rules of ours. What it does to its own
 * session is its affair; the tests are about what it can do to others.
 */
export interface Host {
  rid: string;
  backbone: Backbone;
  /** What its daemon says to nats-server. */
  login: Required<RawNatsLogin>;
  close(): Promise<void>;
}

/** A session of a host: what its worker has. */
export interface HostedSession {
  sid: string;
  backbone: Backbone;
  writer: SessionWriter;
  /** What its worker says to nats-server. */
  login: Required<RawNatsLogin>;
  close(): Promise<void>;
}

type Place = Pick<RunningStack, 'natsUrl' | 'home'>;

const dial = ({ natsUrl }: Place, login: HostLogin, password: string): Promise<Backbone> =>
  connectBackbone({
    ...{ url: natsUrl, name: 'test', host: login, password },
    signal: AbortSignal.timeout(20_000),
  });

/** Connects with a runner token as a new host. */
export async function startHost(place: Place, rid: string, token: string): Promise<Host> {
  const password = runnerPassword(token, randomBytes(24).toString('base64url'));
  const backbone = await dial(place, { kind: 'runner', rid }, password);
  const login = { user: natsUserOf({ kind: 'runner', rid }), pass: password };
  return { rid, backbone, login, close: () => backbone.close() };
}

/** Starts a host of a person, with one session that the gateway knows. */
export async function startHostWithSession(
  stage: RunningStack,
  person: SignedInPerson & { token: string },
  { rid, sid }: { rid: string; sid: string },
): Promise<{ host: Host; session: HostedSession }> {
  const { token } = await newKey(stage, person, { name: rid, kind: 'runner' });
  const host = await startHost(stage, rid, token);
  const session = await hostSession(stage, host, sid);
  await untilKnown(stage, person.token, sid);
  return { host, session };
}

/** Has a session granted to a host, holds its lease, and begins its log. */
export async function hostSession(place: Place, { rid, backbone: b }: Host, sid: string): Promise<HostedSession> {
  const grant = await claimGrant(b, { kind: 'runner', rid, sid }, { signal: AbortSignal.timeout(20_000) });
  if (grant.kind !== 'granted') throw new Error(`${sid} was refused: ${grant.code}`);
  const { epoch, userId } = grant;
  const backbone = await dial(place, { kind: 'session', sid }, grant.grant);
  const held = await holdLease(backbone, `session.${sid}`, { epoch });
  const lease: Lease | undefined = held.kind === 'held' ? held.lease : undefined;
  const writer = await openWriter(backbone, { sid, epoch, spoolDir: join(place.home, 'spool-of-tests') });
  await writer.append({
    ...{ type: 'session_started', at: Date.now(), cwd: '/', name: `Session ${sid}`, model: 'demo/demo' },
    ...{ runnerId: rid, userId, epoch, piVersion: '0' },
  });
  return {
    ...{ sid, backbone, writer, login: { user: natsUserOf({ kind: 'session', sid }), pass: grant.grant } },
    close: async () => {
      await writer.close();
      await lease?.release();
      await backbone.close();
    },
  };
}

/** Waits until a gateway knows whose a session is that a host has made: it was not asked for there. */
export async function untilKnown({ url }: Pick<RunningStack, 'url'>, bearer: string, sid: string): Promise<void> {
  const path = `/api/sessions/${sid}`;
  await until(`${sid} is known`, async () => (await ask(url, path, { bearer })).status === 200);
}
