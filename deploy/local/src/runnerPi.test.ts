import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { errorInfo } from '@pizzapi/protocol';
import { findRunnerPi, piLines } from './runnerPi.js';

let home: string;
let server: Server;
let runners: unknown;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'pizzapi-start-'));
  await mkdir(join(home, 'runner'));
  await writeFile(join(home, 'runner/identity.json'), '{"runnerId":"mine","runnerSecret":"s"}', { mode: 0o600 });
  server = createServer((_request, response) => response.end(JSON.stringify({ runners })));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterEach(async () => {
  server.close();
  await rm(home, { recursive: true, force: true });
});

const find = (since = 100) =>
  findRunnerPi(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, 'token', home, since);
const pi = { name: 'pi', version: '1.6.0', path: '/opt/pi', node: '22.23.5', source: 'path', tested: true } as const;
const bundled = { ...pi, version: '0.73.1', path: null, node: '20.20.2', source: 'bundled' } as const;
const mine = { runnerId: 'mine', startedAt: 100 };

it('the start names the pi of the runner of this home', async () => {
  runners = [
    { runnerId: 'other', startedAt: 100, pi: bundled },
    { ...mine, pi },
  ];
  expect(await find()).toEqual(pi);
});

it('the row of the runner that ran before is not taken for the one that starts', async () => {
  runners = [{ ...mine, startedAt: 99, pi: bundled }];
  let asked = 0;
  server.on('request', () => {
    if (++asked === 2) runners = [{ ...mine, pi }];
  });
  expect(await find()).toEqual(pi);
});

it.each([
  ['a runner of an earlier version', [mine]],
  ['no runner of this home', [{ runnerId: 'other', startedAt: 100, pi }]],
  ['a reply of another shape', { mine: pi }],
])('the start names no pi for %s', async (_what, listed) => {
  runners = listed;
  expect(await find()).toBeUndefined();
});

it('the start has a line for pi and one for each warning, without control characters', () => {
  const warning = errorInfo('pi_too_old', 'pi 0.50.0 at /old cannot be loaded');
  expect(piLines(pi, [warning])).toEqual([
    '  Sessions run on:  pi 1.6.0 on Node 22.23.5, /opt/pi',
    `  Warning:          ${warning.message}`,
  ]);
  expect(piLines({ ...bundled, tested: false }, [])).toEqual([
    '  Sessions run on:  pi 0.73.1 on Node 20.20.2 (not tested), part of PizzaPi',
  ]);
  const [hostile] = piLines({ ...pi, path: '/opt/\u001b]0;x\u0007pi' }, []);
  expect(['\u001b', '\u0007'].filter((control) => hostile?.includes(control))).toEqual([]);
});
