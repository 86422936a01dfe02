import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { concat, decode, defaultMetaState, encode, initialSessionInfo } from '@pizzapi/protocol';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WebSocketServer, type WebSocket } from 'ws';
import { run } from '../testing/run.js';

const started = { type: 'session_started', at: 0, model: 'demo/demo', cwd: '/w', name: '' };
const user = { type: 'message_end', at: 0, messageId: 'm', message: { role: 'user', content: 'hello' } };
const ended = (reason: string) => ({ type: 'session_ended', at: 0, reason });

let server: Server;
let sockets: WebSocketServer;
let log: { seq: number; event: object }[];
/** The action of the scripted gateway after a viewer has caught up. */
let then: (socket: WebSocket) => void;
/** The credential of each viewer. */
let bearers: (string | undefined)[];
/** The name of each viewer. */
let names: (string | null)[];

beforeEach(async () => {
  log = [started, user].map((event, index) => ({ seq: 5 + index, event }));
  then = () => undefined;
  bearers = [];
  names = [];
  server = createServer((_request, response) => {
    response.writeHead(404, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ error: { code: 'session_not_found', message: 'There is no such session.' } }));
  });
  sockets = new WebSocketServer({ server, path: '/ws/sessions/s1' });
  sockets.on('connection', (socket, { headers, url = '' }) => {
    names.push(new URL(url, 'http://gateway').searchParams.get('name'));
    bearers.push(/bearer\.([^,\s]+)/.exec(headers['sec-websocket-protocol'] ?? '')?.[1]);
    const head = log.at(-1)!.seq;
    const session = initialSessionInfo('s1');
    const say = (...frames: object[]) => socket.send(concat(frames.map((frame) => encode(frame))));
    say({
      type: 'hello',
      protocol: 1,
      sessionId: 's1',
      mode: 'owner',
      session,
      meta: defaultMetaState(),
      head,
      first: 5,
    });
    socket.once('message', (data: Buffer) => {
      const { after = 0, tail } = decode(data) as { after?: number; tail?: number };
      const wanted = tail === undefined ? log.filter(({ seq }) => seq > after) : log.slice(-tail);
      say(...wanted.map((entry) => ({ type: 'event', ...entry })), { type: 'live', seq: head });
      then(socket);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterEach(async () => {
  for (const socket of sockets.clients) socket.terminate();
  await new Promise((resolve) => server.close(resolve));
});

const url = () => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
const tail = (...argv: string[]) => run(['tail', ...argv, '--relay-url', url()]);

describe('tail', () => {
  it('tail prints the log, follows it, and ends when the session ends', async () => {
    then = (socket) => socket.send(encode({ type: 'event', seq: 9, event: ended('killed') }));
    expect(await tail('s1')).toEqual({
      code: 0,
      stderr: '',
      stdout: [
        '      5 00:00:00  started           demo/demo in /w',
        '      6 00:00:00  user              hello',
        '      9 00:00:00  ended             killed\n',
      ].join('\n'),
    });
  });

  it('tail prints lines of JSON, from an offset or the last ones, and fails when the session failed', async () => {
    log.push({ seq: 9, event: ended('host_lost') });
    const fromSix = await tail('s1', '--json', '--from', '6');
    expect(fromSix).toMatchObject({ code: 1, stderr: '' });
    expect(
      fromSix.stdout
        .trim()
        .split('\n')
        .map((json) => JSON.parse(json) as unknown),
    ).toEqual(log.slice(1));
    expect((await tail('s1', '--last', '1')).stdout).toBe('      9 00:00:00  ended             host_lost\n');
  });

  it('tail continues at its offset after the connection breaks', async () => {
    then = (socket) => {
      then = () => undefined;
      log.push({ seq: 9, event: ended('completed') });
      socket.terminate();
    };
    const { code, stdout, stderr } = await tail('s1', '--json');
    expect({ code, lines: stdout.trim().split('\n').length }).toEqual({ code: 0, lines: 3 });
    expect(stderr).toBe('Not connected, trying; nothing is lost\n');
  });

  it('tail does not end at a session end that is followed by a resume', async () => {
    log.push({ seq: 7, event: ended('host_lost') }, { seq: 8, event: { type: 'session_resumed', at: 0, epoch: 2 } });
    then = (socket) => socket.send(encode({ type: 'event', seq: 9, event: ended('completed') }));
    expect((await tail('s1', '--json')).stdout.trim().split('\n')).toHaveLength(5);
  });

  it('tail says that the host was stopped, when it was stopped or died while the agent worked', async () => {
    log.push({ seq: 7, event: { type: 'agent_start', at: 0 } });
    log.push({ seq: 8, event: { type: 'session_resumed', at: 0, epoch: 2 } }, { seq: 9, event: ended('completed') });
    expect((await tail('s1')).stdout).toContain('interrupted       The host was stopped while the agent wrote.');
  });

  it('tail refuses an offset beyond the end of the log, and a session that does not exist', async () => {
    expect(await tail('s1', '--from', '99')).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(/^invalid_offset: This session has reached 6, and --from is 99/) as string,
    });
    // The request that asks why the connection was refused may take longer than the first back-offs on a busy machine.
    expect(await tail('s2')).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(
        /^(No answer yet, trying again\n)?session_not_found: There is no such session\.\n$/,
      ) as string,
    });
  });

  it("tail accepts a share link, which holds the address and the guest's credential", async () => {
    log.push({ seq: 9, event: ended('completed') });
    const env = { PIZZAPI_API_KEY: 'pzk_mine', PIZZAPI_RELAY_URL: 'http://127.0.0.1:1' };
    const { code, stdout } = await run(['tail', `${url()}/s/s1#share=a.b.c`], { env });
    expect({ code, lines: stdout.trim().split('\n').length, bearers }).toEqual({
      code: 0,
      lines: 3,
      bearers: ['a.b.c'],
    });
  });

  it.each(['--name', '--as'])("tail sends the guest's name from %s", async (flag) => {
    log.push({ seq: 9, event: ended('completed') });
    await run(['tail', `${url()}/s/s1#share=a.b.c`, flag, 'Grace']);
    expect(names).toEqual(['Grace']);
  });

  it('tail sends an API key only to the gateway for which it is set, never to another gateway named by a link', async () => {
    log.push({ seq: 9, event: ended('completed') });
    const env = { PIZZAPI_HOME: '/nowhere', PIZZAPI_API_KEY: 'pzk_mine' };
    await run(['tail', `${url()}/s/s1`], { env: { ...env, PIZZAPI_RELAY_URL: url() } });
    await run(['tail', `${url()}/s/s1`], { env: { ...env, PIZZAPI_RELAY_URL: 'https://elsewhere.example' } });
    expect(bearers).toEqual(['pzk_mine', undefined]);
  });
});
