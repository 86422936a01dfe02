import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newSession } from '../support/viewer.js';
import { startGateway, type OneMoreGateway } from './support/gateway.js';
import { hostSession } from './support/hosts.js';
import { ask } from './support/http.js';
import { startTwoHosts, type TwoHosts } from './support/twoHosts.js';

let t: TwoHosts;
let elsewhere: OneMoreGateway;

beforeAll(async () => {
  t = await startTwoHosts();
  elsewhere = await startGateway(t.stage);
});
afterAll(async () => {
  await elsewhere?.stop();
  await t?.clear();
});

/** Whatever somebody may guess who knows the key and whose request it is, but not the gateway's secret. */
function guesses(prefix: string, key: string, ...known: string[]): string[] {
  const texts = [[prefix, ...known, key], [...known, key], [key, ...known], [prefix, key], [key]];
  return texts.flatMap((parts) =>
    [' ', '.', '/', '\0', ':', ''].flatMap((glue) => {
      const hash = createHash('sha256').update(parts.join(glue)).digest('hex');
      return [20, 24, 32, 40].map((length) => `${prefix}_${hash.slice(0, length)}`);
    }),
  );
}

describe('an Idempotency-Key that a stranger knows', () => {
  it('does not tell the id of the session: nobody can take it before it is started', async () => {
    const key = 'nightly';
    // A key of a script is no secret, and neither is the account: "owner".
    const [, ofThose] = guesses('s', key, 'owner');
    const claimed = await hostSession(t.stage, t.host, ofThose!);
    const json = { cwd: t.stage.project, model: 'demo/demo' };
    const start = (url: string) =>
      ask(url, '/api/sessions', { bearer: t.stage.token, json, headers: { 'idempotency-key': key } });
    const started = await start(t.stage.url);
    expect(started.status, started.text).toBe(201);
    const { sessionId } = started.json as { sessionId: string };
    expect(guesses('s', key, 'owner')).not.toContain(sessionId);
    // Every gateway of the installation makes the same of it.
    expect((await start(elsewhere.url)).json).toMatchObject({ sessionId });
    await claimed.close();
  });

  it('does not tell the id of a command, which is one for each session and person', async () => {
    const { sid } = t.ada;
    const other = await newSession(t.stage);
    const send = async (url: string, session: string, key: string) => {
      const headers = { 'idempotency-key': key };
      const json = { name: 'set_name', args: { name: 'Nightly' } };
      const answer = await ask(url, `/api/sessions/${session}/commands`, { bearer: t.stage.token, json, headers });
      expect(answer.status, answer.text).toBe(202);
      return (answer.json as { commandId: string }).commandId;
    };
    const id = await send(t.stage.url, sid, 'key-1');
    expect(guesses('c', 'key-1', 'owner')).not.toContain(id);
    expect(guesses('c', 'key-1', 'owner', sid)).not.toContain(id);
    expect(await send(t.stage.url, sid, 'key-1')).toBe(id);
    expect(await send(elsewhere.url, sid, 'key-1')).toBe(id);
    expect(await send(t.stage.url, sid, 'key-2')).not.toBe(id);
    expect(await send(t.stage.url, other, 'key-1')).not.toBe(id);
  });
});
