import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cells, documentAt, table } from '../support/document.js';
import { startLocalStack, type LocalStack } from '../support/localStack.js';
import { hostSession, startHost, untilKnown, type Host, type HostedSession } from './support/hosts.js';
import { ask } from './support/http.js';
import { fromPage, newKey, newShare, settleOwner, signUp, type Person } from './support/people.js';
import { refusal } from './support/socket.js';

/** Who asks, in the order of the columns: each with what is their own. */
interface Asker {
  name: string;
  bearer?: string;
  /** The session that stands in the address. */
  sid: string;
}

let stage: LocalStack;
let ada: Person;
const hosts: Host[] = [];
const sessions: HostedSession[] = [];
let askers: Asker[];
/** Ada shares her session with Gus, who has an account. */
let shareWithGus: () => Promise<void>;

beforeAll(async () => {
  stage = await startLocalStack({ PIZZAPI_SIGNUP: 'open' });
  ada = await settleOwner(stage);
  const eve = await signUp(stage, 'Eve');
  for (const [person, sid] of [
    [ada, 'adas-session'],
    [eve, 'eves-session'],
  ] as const) {
    const host = await startHost(
      stage,
      `host-of-${sid}`,
      (await newKey(stage, person, { name: sid, kind: 'runner' })).token,
    );
    hosts.push(host);
    sessions.push(await hostSession(stage, host, sid));
    await untilKnown(stage, person.token, sid);
  }
  const [adas, eves] = sessions.map(({ sid }) => sid) as [string, string];
  const link = async (mode: 'read' | 'collab') => (await newShare(stage, ada.token, adas, { mode })).token;
  const { token: runner } = await newKey(stage, ada, { name: 'host', kind: 'runner' });
  const gus = await signUp(stage, 'Gus');
  shareWithGus = async () => {
    const json = { person: gus.userId, mode: 'collab' };
    await ask(stage.url, `/api/sessions/${adas}/people`, { method: 'POST', bearer: ada.token, json });
  };
  await shareWithGus();
  askers = [
    { name: 'no credentials', sid: adas },
    { name: 'runner token', sid: adas, bearer: runner },
    { name: 'share link, read', sid: adas, bearer: await link('read') },
    { name: 'share link, collab', sid: adas, bearer: await link('collab') },
    { name: 'account, shared with', sid: adas, bearer: gus.token },
    { name: 'account', sid: eves, bearer: eve.token },
    { name: 'admin', sid: adas, bearer: ada.token },
  ];
});
afterAll(async () => {
  for (const session of sessions) await session.close();
  for (const host of hosts) await host.close();
  await stage?.clear();
});

interface Operation {
  method: string;
  path: string;
}

async function operations(): Promise<Operation[]> {
  const { paths } = (await ask(stage.url, '/openapi.json')).json as { paths: Record<string, Record<string, unknown>> };
  const listed = Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => ({ method: method.toUpperCase(), path: path.replace(/\{(\w+)\}/g, ':$1') })),
  );
  const unlisted = ['/ws/sessions/:sid', '/ws/hub', '/ws/runners', '/livez', '/readyz', '/openapi.json'];
  return [...listed, ...unlisted.map((path) => ({ method: 'GET', path }))];
}

/** Things that are nobody's, and a body of no use: who may ask is told what is wrong, and nothing happens. */
const NOTHING: Readonly<Record<string, string>> = {
  rid: 'unknown',
  id: 'unknown',
  shareId: 'unknown',
  code: 'ABCD2345',
  hash: 'a'.repeat(64),
};

/** Whether somebody may ask this at all: they are neither unknown nor told that they may not. */
async function mayAsk({ method, path }: Operation, { bearer, sid }: Asker): Promise<boolean> {
  const target = path.replace(/:(\w+)/g, (_all, name: string) => (name === 'sid' ? sid : NOTHING[name]!));
  const credentials = bearer === undefined ? {} : { bearer };
  if (path.startsWith('/ws/') && method === 'GET') {
    return !/^40[13] /.test(await refusal(stage.url, target, credentials));
  }
  const body = method === 'GET' || method === 'DELETE' ? {} : { json: [] };
  const { status, code } = await ask(stage.url, target, { method, ...credentials, ...body });
  expect(status, `${method} ${path}`).toBeLessThan(500);
  expect(['session_not_found', 'not_found'], `${method} ${path} of one’s own`).not.toContain(code);
  return status !== 401 && status !== 403;
}

describe('what a credential may ask of the gateway', () => {
  it('is the same for a link to write and one to write and approve', async () => {
    const collab = askers.find(({ name }) => name === 'share link, collab')!;
    const { token } = await newShare(stage, ada.token, collab.sid, { mode: 'approve' });
    const approve: Asker = { name: 'share link, approve', sid: collab.sid, bearer: token };
    for (const operation of await operations())
      expect(await mayAsk(operation, approve), `${operation.method} ${operation.path}`).toBe(
        await mayAsk(operation, collab),
      );
  });

  it('is what the protocol says', async () => {
    const all = await operations();
    // What ends a session comes last.
    const isEnd = ({ method, path }: Operation) => method === 'DELETE' && path === '/api/sessions/:sid';
    const rows = new Map(all.map((operation) => [operation, [] as string[]]));
    for (const ending of [false, true]) {
      if (ending) for (const session of sessions) await session.close();
      // Its owner has revoked all shares since.
      if (ending) await shareWithGus();
      for (const asker of askers)
        for (const operation of all.filter((each) => isEnd(each) === ending))
          rows.get(operation)!.push((await mayAsk(operation, asker)) ? 'yes' : '–');
    }
    const lines = table(
      ['', ...askers.map(({ name }) => name)],
      [...rows].map(([{ method, path }, row]) => [`\`${method} ${path}\``, ...row]),
    );
    const { part } = documentAt(new URL('../../docs/protocol/security.md', import.meta.url), { routes: lines });
    expect(part('routes')).toBe(cells(lines));
  });

  it('is the same for the cookie of an account and its API key, and for an admin’s and the secret of the home', async () => {
    for (const path of ['/api/auth/me', '/api/sessions', '/api/keys', '/api/users', '/api/audit']) {
      const [byKey, byCookie, byHome] = await Promise.all([
        ask(stage.url, path, { bearer: ada.token }),
        ask(stage.url, path, fromPage(stage, ada)),
        ask(stage.url, path, { bearer: stage.token }),
      ]);
      expect([byCookie.status, byHome.status], path).toEqual([byKey.status, byKey.status]);
    }
  });
});
