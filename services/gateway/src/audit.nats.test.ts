import { publishAudit } from '@pizzapi/backbone';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TestPerson } from './testing/people.js';
import { startScenario, type GatewayScenario } from './testing/scenario.js';

let s: GatewayScenario;
let admin: TestPerson;
let member: TestPerson;

beforeAll(async () => {
  s = await startScenario();
  admin = await s.person('Ada', { role: 'admin' });
  member = await s.person('Bob');
  for (let n = 1; n <= 30; n++)
    await publishAudit(s.b, { kind: n % 10 === 0 ? 'share_created' : 'input', at: n, userId: 'owner', n });
});
afterAll(() => s.end());

interface Page {
  rows: { seq: number; kind: string; n: number }[];
  next?: number;
}
async function page(query = ''): Promise<Page> {
  return (await (await s.fetch(`/api/audit${query}`, { token: admin.token })).json()) as Page;
}
const ns = ({ rows }: Page) => rows.map(({ n }) => n);

describe('the audit log', () => {
  it('is read backwards, page by page, to its beginning', async () => {
    const first = await page('?limit=12');
    expect(ns(first)).toEqual([30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19]);
    const second = await page(`?limit=12&before=${first.next}`);
    expect(ns(second)).toEqual([18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7]);
    const third = await page(`?limit=12&before=${second.next}`);
    expect(ns(third)).toEqual([6, 5, 4, 3, 2, 1]);
    expect(third.next).toBeUndefined();
    expect(await page('?before=1')).toEqual({ rows: [] });
  });

  it('is read by kind', async () => {
    const first = await page('?kind=share_created&limit=2');
    expect(ns(first)).toEqual([30, 20]);
    expect(first.rows[0]).toMatchObject({ kind: 'share_created', at: 30, userId: 'owner' });
    expect(ns(await page(`?kind=share_created&limit=2&before=${first.next}`))).toEqual([10]);
    expect(await page('?kind=nothing_like_it')).toEqual({ rows: [] });
  });

  it.each(['?limit=501', '?limit=0', '?kind=a.b', '?before=x'])('is not read with %s', async (query) => {
    expect((await s.fetch(`/api/audit${query}`, { token: admin.token })).status).toBe(400);
  });

  it('is for admins alone', async () => {
    const answer = await s.fetch('/api/audit', { token: member.token });
    expect(answer.status).toBe(403);
    expect(await answer.json()).toMatchObject({ error: { code: 'forbidden' } });
  });
});
