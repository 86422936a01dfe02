import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { withAccount } from './guestAccount.js';
import { rememberLogin } from './logins.js';
import { ok, refuse, scriptedApi, type ScriptedApi } from './testing/scriptedApi.js';

let api: ScriptedApi;
let home: string;
beforeEach(async () => {
  api = await scriptedApi();
  home = mkdtempSync(join(tmpdir(), 'pizzapi-guest-'));
});
afterEach(async () => {
  await api.close();
  rmSync(home, { recursive: true });
});

const ref = () => ({ url: api.url, sid: 's1', token: 'a.b.c', guest: true });

it('a person without a login opens a share link as its guest', async () => {
  expect(await withAccount(ref(), home)).toEqual(ref());
  expect(api.requests).toEqual([]);
});

it('a person with a login opens a share link under the name of the account', async () => {
  rememberLogin(home, api.url, 'pzk_eve');
  api.script['GET /api/sessions/s1'] = () => refuse(404, 'session_not_found');
  api.script['GET /api/auth/me'] = () => ok({ userId: 'guest_1', name: 'Eve', role: 'guest' });
  expect(await withAccount(ref(), home)).toEqual({ ...ref(), token: 'pzk_eve', shareToken: 'a.b.c' });
});

it('a person whose account has access needs no link, and one whose login has ended has the link alone', async () => {
  rememberLogin(home, api.url, 'pzk_eve');
  api.script['GET /api/sessions/s1'] = () => ok({ session: {} });
  expect(await withAccount(ref(), home)).toEqual({ url: api.url, sid: 's1', token: 'pzk_eve', guest: false });
  api.script['GET /api/sessions/s1'] = () => refuse(403, 'forbidden');
  api.script['GET /api/auth/me'] = () => refuse(403, 'forbidden');
  expect(await withAccount(ref(), home)).toEqual(ref());
});
