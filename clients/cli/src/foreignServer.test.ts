import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run } from './testing/run.js';

let root: string;
let server: Server;
let answer: { status: number; body: string };
let env: NodeJS.ProcessEnv;

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'pizzapi-foreign-'));
  server = createServer((_request, response) => {
    response.writeHead(answer.status, { 'content-type': 'application/json' });
    response.end(answer.body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  env = { PIZZAPI_HOME: root, PIZZAPI_RELAY_URL: url, PIZZAPI_API_KEY: 'pzk_x', PATH: '' };
});
afterAll(() => {
  server.close();
  rmSync(root, { recursive: true, force: true });
});

describe('at the address of another program', () => {
  it.each([
    ['a page', 200, '<html>Hello</html>'],
    ['other JSON', 200, '{"a":1}'],
    ['a list', 200, '[1,null]'],
    ['no such page', 404, 'nope'],
  ])('that answers with %s, commands and doctor name it, and no command is a bug', async (_what, status, body) => {
    answer = { status, body };
    for (const command of [
      ['sessions'],
      ['usage'],
      ['whoami'],
      ['keys'],
      ['tail', 'abc'],
      ['run', '--detach', 'hello'],
    ]) {
      const { code, stderr } = await run(command, { env });
      expect(code, command.join(' ')).not.toBe(0);
      expect(stderr, command.join(' ')).toMatch(/^(not_a_gateway|gateway_unreachable): /);
    }
    const { code, stdout } = await run(['doctor'], { env });
    expect(code).toBe(1);
    expect(stdout).toMatch(/fail {2}gateway +http:\S+ is another program, not a PizzaPi gateway/);
  });
});

it('a key with a space is refused with a sentence that does not quote it', async () => {
  for (const command of [['sessions'], ['tail', 'abc'], ['attach', 'abc'], ['doctor']]) {
    const { code, stderr } = await run(command, { env: { ...env, PIZZAPI_API_KEY: 'pzk_secret part' } });
    expect(code).toBe(2);
    expect(stderr).toMatch(/^bad_option: PIZZAPI_API_KEY holds a space or another character that no key has/);
    expect(stderr).not.toContain('secret');
  }
});

it('doctor names a home that is a file', async () => {
  const home = join(root, 'file');
  writeFileSync(home, '');
  const { code, stdout, stderr } = await run(['doctor'], { env: { ...env, PIZZAPI_HOME: home } });
  expect({ code, stderr }).toEqual({ code: 1, stderr: '' });
  expect(stdout).toContain(`${home} is a file, not a folder`);
});
