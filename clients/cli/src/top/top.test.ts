import type { TopReply } from '@pizzapi/protocol';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { displayWidth } from '../displayWidth.js';
import { ok, refuse, scriptedApi, type ScriptedApi } from '../testing/scriptedApi.js';
import { run } from '../testing/run.js';
import { pictureOf } from './picture.js';
import { sampleOf } from './sample.js';

const load = (events: number, more: Partial<NonNullable<TopReply['hosts'][number]['load']>> = {}) => ({
  ...{ awake: 2, asleep: 3, working: 1, paused: 0, events, spoolBytes: 0 },
  ...more,
});

const reply = (at: number, more: Partial<TopReply> = {}): TopReply => ({
  at,
  gateway: {
    ...{ version: '0.2.0', startedAt: 1, rooms: 3, unsentBytes: 0, received: at, delivered: 2 * at, bytes: 100 * at },
    viewers: { greeted: 0, filling: 1, slow: 2, live: 40 },
  },
  sessions: 12,
  projections: [
    { stream: 'SESSIONS', lag: 7 },
    { stream: 'RUNNERS', lag: 0 },
  ],
  storage: [{ of: 'log_of_relay', used: 2 ** 30, limit: 2 ** 33 }],
  hosts: [
    { runnerId: 'r1', name: 'builder', kind: 'daemon', version: '0.2.0', load: load(at) },
    { runnerId: 'r2', name: 'a-laptop-with-a-very-long-name-of-its-own', kind: 'tui' },
    {
      runnerId: 'r3',
      name: 'attic',
      kind: 'daemon',
      version: '0.2.0',
      load: load(0, { paused: 1, spoolBytes: 2 ** 26 }),
    },
  ],
  moreHosts: 0,
  ...more,
});

const plain = { colour: false };

describe('a picture of a relay', () => {
  const sample = sampleOf(reply(3_000), reply(1_000));

  it.each([36, 48, 60, 80, 120])('no line is wider than a terminal of %i columns', (columns) => {
    const lines = pictureOf(sample, { columns }, plain);
    for (const line of lines) expect(displayWidth(line), line).toBeLessThanOrEqual(columns);
    expect(lines.join('\n')).toContain('slow 2');
  });

  it('a host whose sessions stand still comes first', () => {
    const lines = pictureOf(sample, { columns: 100 }, plain);
    const table = lines.slice(lines.indexOf('') + 1);
    expect(table.map((line) => line.split(/\s+/)[0])).toEqual([
      'HOST',
      'attic',
      'builder',
      expect.stringMatching(/^a-/),
    ]);
    expect(table[2]).toMatch(/builder +1 +2 +3 +1000 +0 +0 +0\.2\.0/);
  });

  it('fits into the lines of the terminal, and says how many hosts it leaves out', () => {
    const hosts = Array.from({ length: 30 }, (_, at) => ({ runnerId: `r${at}`, name: `h${at}`, load: load(0) }));
    const lines = pictureOf(reply(1_000, { hosts, moreHosts: 4 }), { columns: 80, rows: 12 }, plain);
    expect(lines.length).toBeLessThanOrEqual(12);
    const shown = lines.filter((line) => /^h\d/.test(line)).length;
    expect(lines.at(-1)).toBe(`… ${34 - shown} more`);
  });

  it('the name of a host cannot write elsewhere on the screen', () => {
    const hosts = [{ runnerId: 'r', name: 'evil\x1b[2J\u202e\nname', version: '\x1b]0;x\x07', load: load(0) }];
    const text = pictureOf(reply(1_000, { hosts }), { columns: 100 }, plain).join('\n');
    const unsafe = [...text].filter((char) => char !== '\n' && /\p{Control}|\u202e/u.test(char));
    expect(unsafe).toEqual([]);
  });
});

describe('the rates', () => {
  it('are those of each second between two pictures', () => {
    const { rates, hosts } = sampleOf(reply(3_000), reply(1_000));
    expect(rates).toEqual({ received: 1_000, delivered: 2_000, bytes: 100_000 });
    expect(hosts.map(({ eventsPerSecond }) => eventsPerSecond)).toEqual([1_000, undefined, 0]);
  });

  it('are missing for a process that was started again meanwhile', () => {
    const after = reply(3_000, { hosts: [{ runnerId: 'r1', name: 'builder', load: load(5) }] });
    after.gateway.startedAt = 2;
    const sample = sampleOf(after, reply(1_000));
    expect(sample.rates).toBeUndefined();
    expect(sample.hosts[0]).not.toHaveProperty('eventsPerSecond');
  });
});

describe('pizzapi top', () => {
  let api: ScriptedApi;
  let at = 1_000;
  beforeAll(async () => {
    api = await scriptedApi({ 'GET /api/top': () => ok(reply((at += 1_000))) });
  });
  afterAll(() => api.close());
  const env = () => ({ PIZZAPI_RELAY_URL: api.url, PIZZAPI_API_KEY: 'pzk_secret' });

  it('--once prints one picture, with rates', async () => {
    const { code, stdout, stderr } = await run(['top', '--once'], { env: env() });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain('in 1000/s');
    expect(stdout).not.toContain('\x1b');
  });

  it('--json prints one sample a line', async () => {
    const { stdout } = await run(['top', '--json', '--once'], { env: env() });
    const [line, ...more] = stdout.trimEnd().split('\n');
    expect(more).toEqual([]);
    expect(JSON.parse(line!)).toMatchObject({
      sessions: 12,
      rates: { received: 1_000 },
      hosts: [{ name: 'builder' }, {}, {}],
    });
  });

  it('draws in place until Ctrl-C, through a restart of the gateway, and leaves the screen as it was', async () => {
    const pictures: string[] = [];
    let left = 3;
    const answer = api.script['GET /api/top']!;
    const signals = new (await import('node:events')).EventEmitter();
    const sleep = async () => {
      left--;
      api.script['GET /api/top'] = left === 2 ? () => refuse(503, 'unavailable') : answer;
      if (left === 0) signals.emit('SIGINT');
    };
    const { code, stdout } = await run(['top'], { env: env(), columns: 80, io: { sleep, signals } });
    pictures.push(...stdout.split('\x1b[H').slice(1));
    expect(code).toBe(0);
    expect(pictures.length).toBe(3);
    expect(pictures[1]).toContain('unavailable');
    expect(pictures[2]).not.toContain('unavailable');
    expect(stdout.startsWith('\x1b[?1049h')).toBe(true);
    expect(stdout.endsWith('\x1b[?25h\x1b[?1049l')).toBe(true);
  });

  it('a person who is no admin is refused', async () => {
    const answer = api.script['GET /api/top']!;
    api.script['GET /api/top'] = () => refuse(403, 'forbidden');
    api.script['GET /api/auth/me'] = () => ok({ kind: 'account' });
    const { code, stderr } = await run(['top'], { env: env() });
    api.script['GET /api/top'] = answer;
    expect(code).toBe(1);
    expect(stderr).toMatch(/^(forbidden|unauthenticated): /);
  });

  it.each(['0', '61', 'x'])('refuses an interval of %s', async (interval) => {
    expect((await run(['top', '--interval', interval], { env: env() })).code).toBe(2);
  });
});
