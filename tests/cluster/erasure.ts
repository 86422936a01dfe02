import type { Backbone } from '@pizzapi/backbone';
import { everyStoredMessage, placesOf } from '@pizzapi/backbone/testing';
import { newId } from '@pizzapi/protocol';
import { createApi } from '@pizzapi/session-client';
import { expect } from 'vitest';
import type { ClusterStack } from '../bench/harness/clusterStack.js';
import { runCli } from '../support/cli.js';
import { connectTo } from '../support/log.js';
import { until } from '../support/until.js';
import { tell, untilHosted, watch } from '../support/viewer.js';
import { invitePerson, startHost } from './person.js';

/** What may stay of what was erased: tombstones, erasures that are not over, rows without a text, leases that expire. */
const MAY_NAME = ['AUDIT', 'KV_leases', 'KV_owners', 'KV_usage'];

/** The streams and buckets with a row that names an id and may not. An empty marker says for an hour that a row was deleted. */
async function rowsNaming(admin: Backbone, id: string): Promise<string[]> {
  const found = new Set<string>();
  for await (const { stream, subject, payload } of everyStoredMessage(admin))
    if (payload.byteLength > 0 && (subject.includes(id) || Buffer.from(payload).includes(id))) found.add(stream);
  return [...found].filter((stream) => !MAY_NAME.includes(stream));
}

/**
 * A person has sessions on an own host. One session is erased while the host is away, then the account. Nothing of them is left,
 * there are proofs, and the host that comes late brings nothing back.
 */
export async function eraseSessionAndAccount(stack: ClusterStack): Promise<void> {
  const eve = await invitePerson(stack, 'eve');
  const at = { ...stack, token: eve.token };
  const api = createApi({ url: stack.url, token: eve.token });
  const admin = await connectTo(stack);
  let host = startHost(stack, 'eves-host', eve.runnerToken);
  try {
    const runnerId = await until('the host of the person is online', async () => {
      const reply = await api.runners();
      return reply.kind === 'ok' && reply.value.runners.find(({ online }) => online)?.runnerId;
    });
    const begin = async (marker: string): Promise<string> => {
      const reply = await api.createSession({ runnerId, cwd: stack.project, model: 'demo/demo', name: marker });
      if (reply.kind === 'failed') throw new Error(reply.error.message);
      const sid = reply.value.sessionId;
      await untilHosted(at, sid);
      const watcher = watch(at, sid);
      await tell(at, sid, `/demo help ${marker}`);
      await watcher.next('agent_end');
      watcher.close();
      const headers = { authorization: `Bearer ${eve.token}`, 'content-type': 'text/plain' };
      const address = `${stack.url}/api/sessions/${sid}/blobs?name=${marker}.txt`;
      expect((await fetch(address, { method: 'POST', headers, body: `a file of ${marker}` })).status).toBe(201);
      return sid;
    };
    const markers = [newId('first'), newId('second')] as const;
    const sids = [await begin(markers[0]), await begin(markers[1])] as const;
    expect((await api.createShare(sids[1], { mode: 'read' })).kind).toBe('ok');
    await host.stop();
    const left = async (text: string) => [
      ...new Set((await placesOf(admin, text)).map((place) => place.split(' ')[0]!)),
    ];
    expect(await left(markers[0])).toEqual(expect.arrayContaining(['KV_sessions', 'OBJ_session-blobs']));

    // A person asks again while the rest is removed.
    for (let i = 0; i < 2; i++) expect(await api.purge({ sessionId: sids[0] })).toMatchObject({ kind: 'ok' });
    await until('nothing is left of the session', async () => (await left(markers[0])).length === 0);
    expect((await api.session(sids[0])).kind).toBe('failed');
    host = startHost(stack, 'eves-host', eve.runnerToken);
    await until('the host is told', () => host.log().includes('was erased'));
    await untilHosted(at, sids[1]);
    expect(await left(markers[0])).toEqual([]);
    await host.stop();

    const erased = await runCli(stack, 'purge', '--user', eve.email, '--yes', '--json');
    expect(erased).toMatchObject({ code: 0 });
    const { removed } = JSON.parse(erased.stdout) as { removed: Record<string, number> };
    expect(removed).toMatchObject({ accounts: 1, sessions: 1, runners: 1, keys: 2 });
    await until('nothing is left of the account', async () => (await left(markers[1])).length === 0);
    expect(await rowsNaming(admin, eve.userId)).toEqual([]);
    expect(await left(eve.email)).toEqual([]);
    expect(await api.sessions()).toMatchObject({ kind: 'failed' });
    const usage = await runCli(stack, 'usage', '--json');
    expect(usage).toMatchObject({ code: 0 });
    expect(usage.stdout).not.toContain(eve.userId);
    const proofs = (await runCli(stack, 'audit', '--kind', 'erased', '--json')).stdout;
    expect(proofs).toContain('"what":"account"');
    expect(proofs).toContain('"why":"asked"');
    // They name who asked, and not what was erased.
    for (const text of [eve.email, ...sids]) expect(proofs).not.toContain(text);

    host = startHost(stack, 'eves-host', eve.runnerToken);
    await until('the late host is refused', () => host.log().includes('nats_unauthorized'));
    expect(await left(markers[1])).toEqual([]);
    const runners = await createApi({ url: stack.url, token: stack.token }).runners();
    expect(runners.kind === 'ok' && runners.value.runners.map((runner) => runner.runnerId)).not.toContain(runnerId);
  } finally {
    await host.stop();
    await admin.close();
  }
}
