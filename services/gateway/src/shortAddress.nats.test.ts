import { bucket } from '@pizzapi/backbone';
import type { ShareRow } from '@pizzapi/protocol';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { pageOf } from './testing/browser.js';
import { PATIENT } from './testing/patience.js';
import { startScenario, type GatewayScenario } from './testing/scenario.js';
import { share } from './testing/shares.js';

const SID = 'shared';
let s: GatewayScenario;

beforeAll(async () => {
  s = await startScenario();
  await s.writer(SID);
});
afterAll(() => s.end());

it('a link has a short address, for a camera, that leads to it and ends with it', async () => {
  const { shareId, scanUrl } = await share(s, SID, 'collab');
  const scanned = (url = scanUrl!) => s.fetch(url.slice(pageOf(s.url).length), { token: '', redirect: 'manual' });
  await vi.waitFor(async () => expect((await scanned()).status).toBe(302), PATIENT);
  const led = new URL((await scanned()).headers.get('location')!, s.url);
  expect(led.pathname).toBe(`/s/${SID}`);
  const client = await s.connect(`/ws/sessions/${SID}`, {
    token: new URLSearchParams(led.hash.slice(1)).get('share')!,
  });
  expect(await client.heard('hello')).toMatchObject({ mode: 'collab' });
  client.ws.close();

  const rows = bucket<ShareRow>(s.b, 'shares');
  const key = `${SID}.${shareId}`;
  const { value: row } = (await rows.get(key))!;
  expect(JSON.stringify(row)).not.toContain(scanUrl!.split('/').at(-1));
  await rows.put(key, { ...row, scan: { ...row.scan!, until: 1 } });
  await vi.waitFor(async () => expect((await scanned()).status).toBe(404), PATIENT);
  await rows.put(key, row);
  await vi.waitFor(async () => expect((await scanned()).status).toBe(302), PATIENT);
  await s.fetch(`/api/sessions/${SID}/shares/${shareId}`, { method: 'DELETE' });
  expect((await scanned()).status).toBe(404);
  expect((await scanned(`${pageOf(s.url)}/l/${'A'.repeat(16)}`)).status).toBe(404);
});
