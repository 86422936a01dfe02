import { decode, encode, inboxPrefixOf, parseRunnerPassword, runnerPassword } from '@pizzapi/protocol';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LocalStack } from '../support/localStack.js';
import { until } from '../support/until.js';
import type { Host, HostedSession } from './support/hosts.js';
import { newKey, type Person } from './support/people.js';
import { RawNats, type RawNatsLogin } from './support/rawNats.js';
import { join as open } from './support/socket.js';
import { startTwoHosts, type TwoHosts } from './support/twoHosts.js';

/** Ada's machine runs a session. Eve has an account of the same relay, a token for a host, and a raw connection. */
let relay: TwoHosts;
let stage: LocalStack;
let eve: Person;
let host: Host;
let mine: HostedSession;
let ada: TwoHosts['ada'];
let raw: TwoHosts['raw'];

beforeAll(async () => {
  relay = await startTwoHosts();
  ({ stage, eve, host, mine, ada, raw } = relay);
});
afterAll(() => relay.clear());

const KINDS = ['runner', 'keeper', 'session'] as const;
const VIOLATION = /^refused: .*permissions violation/i;

describe('(14) the connection of a host', () => {
  it('may do its own work', async () => {
    expect(await raw.runner.publish('runner.eves-laptop.events', encode({ type: 'x', at: 0 }))).toBe('ok');
    expect(await raw.runner.subscribe('runner.eves-laptop.rpc.*')).toBe('ok');
    expect(await raw.session.publish('session.eves-session.deltas', encode({ type: 'x', n: 1 }))).toBe('ok');
    expect(await raw.session.subscribe('session.eves-session.partial')).toBe('ok');
    expect(await raw.keeper.publish('session.eves-session.deltas', encode({ type: 'x', n: 2 }))).toBe('ok');
  });

  const writes = (): Record<string, string[]> => ({
    'another’s session': [`session.${ada.sid}.events`, `session.${ada.sid}.deltas`, `session.${ada.sid}.partial`],
    'another’s runner': [
      `runner.${ada.rid}.events`,
      `runner.${ada.rid}.cmd`,
      `runner.${ada.rid}.rpc.status`,
      `runner.${ada.rid}.terminals.t_x`,
    ],
    'a command, to itself too': ['runner.eves-laptop.cmd'],
    'the live copy of a log': [`live.session.${ada.sid}.events`, 'live.session.eves-session.events'],
    'questions in another’s name': [`desk.session.${ada.sid}`, `desk.runner.${ada.rid}`, 'desk.purge', 'desk.x'],
    'the audit log': ['audit.login', 'audit.x'],
    leases: [`$KV.leases.session.${ada.sid}`, `$KV.leases.runner.${ada.rid}`, '$KV.leases.projector'],
    'other buckets': [
      'accounts.user.owner',
      'api-keys.x',
      'shares.x',
      `owners.${ada.sid}`,
      'sessions.x',
      'runners.x',
    ].map((key) => `$KV.${key}`),
    files: ['$O.session-blobs.C.x', '$O.session-blobs.M.x'],
    'an answer of JetStream’s own': [
      '$JS.ACK.COMMANDS.x.1.1.1.1.0',
      '_INBOX.x',
      `${inboxPrefixOf({ kind: 'runner', rid: ada.rid })}.x`,
    ],
    'questions to the server': [
      '$SYS.REQ.SERVER.PING',
      '$SYS.REQ.SERVER.PING.CONNZ',
      '$SYS.REQ.USER.AUTH',
      '$SYS.REQ.SERVER.x.KICK',
    ],
  });

  const reads = (): Record<string, string[]> => ({
    'what streams there are': [
      '$JS.API.STREAM.NAMES',
      '$JS.API.STREAM.LIST',
      '$JS.API.INFO',
      '$JS.API.STREAM.INFO.SESSIONS',
    ],
    'the log': [
      '$JS.API.DIRECT.GET.SESSIONS',
      `$JS.API.DIRECT.GET.SESSIONS.session.${ada.sid}.events`,
      '$JS.API.STREAM.MSG.GET.SESSIONS',
      '$JS.API.CONSUMER.CREATE.SESSIONS',
      '$JS.API.CONSUMER.CREATE.SESSIONS.x',
      `$JS.API.CONSUMER.CREATE.SESSIONS.x.session.${ada.sid}.events`,
      '$JS.API.CONSUMER.CREATE.SESSIONS.x.session.eves-session.events',
      '$JS.API.CONSUMER.DURABLE.CREATE.SESSIONS.x',
      '$JS.API.CONSUMER.MSG.NEXT.SESSIONS.x',
      '$JS.API.CONSUMER.NAMES.SESSIONS',
      '$JS.API.CONSUMER.LIST.SESSIONS',
    ],
    'another’s commands': [
      '$JS.API.CONSUMER.CREATE.COMMANDS',
      '$JS.API.CONSUMER.CREATE.COMMANDS.x',
      `$JS.API.CONSUMER.CREATE.COMMANDS.x.runner.${ada.rid}.cmd`,
      '$JS.API.CONSUMER.CREATE.COMMANDS.x.runner.*.cmd',
      '$JS.API.CONSUMER.CREATE.COMMANDS.x.>',
      '$JS.API.CONSUMER.DURABLE.CREATE.COMMANDS.x',
      '$JS.API.CONSUMER.LIST.COMMANDS',
      '$JS.API.DIRECT.GET.COMMANDS',
      `$JS.API.DIRECT.GET.COMMANDS.runner.${ada.rid}.cmd`,
      '$JS.API.STREAM.MSG.GET.COMMANDS',
    ],
    'other streams': [
      '$JS.API.CONSUMER.CREATE.RUNNERS.x.runner.eves-laptop.events',
      '$JS.API.CONSUMER.CREATE.AUDIT.x.audit.login',
      '$JS.API.DIRECT.GET.AUDIT.audit.login',
      '$JS.API.DIRECT.GET.KV_leases',
      `$JS.API.DIRECT.GET.KV_leases.$KV.leases.session.${ada.sid}`,
      '$JS.API.CONSUMER.CREATE.KV_leases.x',
      '$JS.API.DIRECT.GET.KV_accounts.$KV.accounts.user.owner',
    ],
  });

  const changes = [
    'CREATE.X',
    'UPDATE.SESSIONS',
    'DELETE.SESSIONS',
    'PURGE.SESSIONS',
    'MSG.DELETE.SESSIONS',
    'SNAPSHOT.SESSIONS',
    'RESTORE.X',
  ].map((verb) => `$JS.API.STREAM.${verb}`);

  it.each(KINDS)('(%s) writes nothing of anybody else', async (kind) => {
    for (const [what, subjects] of Object.entries(writes()))
      for (const subject of subjects)
        expect(await raw[kind].publish(subject, 'x'), `${what}: ${subject}`).toMatch(VIOLATION);
  });

  it.each(KINDS)('(%s) reads no log and no list', async (kind) => {
    for (const [what, subjects] of Object.entries(reads()))
      for (const subject of subjects)
        expect(await raw[kind].publish(subject, '{}', 'x'), `${what}: ${subject}`).toMatch(VIOLATION);
  });

  it.each(KINDS)('(%s) changes, purges and deletes no stream', async (kind) => {
    for (const subject of changes) expect(await raw[kind].publish(subject, '{}', 'x'), subject).toMatch(VIOLATION);
  });

  const heard = () => [
    '>',
    '*',
    '*.>',
    'session.>',
    'session.*.events',
    `session.${ada.sid}.events`,
    `session.${ada.sid}.deltas`,
    `session.${ada.sid}.partial`,
    'session.*.partial',
    'live.>',
    `live.session.${ada.sid}.events`,
    'live.session.eves-session.events',
    'runner.>',
    `runner.${ada.rid}.cmd`,
    'runner.eves-laptop.cmd',
    `runner.${ada.rid}.rpc.*`,
    'runner.*.rpc.*',
    `runner.${ada.rid}.terminals.*`,
    'runner.eves-laptop.terminals.t_x',
    'audit.>',
    'desk.>',
    'desk.runner.eves-laptop',
    'desk.session.*',
    '_INBOX.>',
    '*.*',
    `${inboxPrefixOf({ kind: 'runner', rid: ada.rid })}.>`,
    `${inboxPrefixOf({ kind: 'session', sid: ada.sid })}.>`,
    '$KV.>',
    '$JS.>',
    '$JS.API.>',
    '$SYS.>',
    '$SYS.REQ.USER.AUTH',
  ];
  it.each(KINDS)('(%s) listens to nothing but its own questions and answers', async (kind) => {
    for (const subject of heard()) expect(await raw[kind].subscribe(subject), subject).toMatch(VIOLATION);
    // Nor in a group with those who may.
    expect(await raw[kind].subscribe('desk.session.* authenticators')).toMatch(VIOLATION);
  });

  it('receives its own commands from the host API, and no other’s', async () => {
    const inbox = `${inboxPrefixOf({ kind: 'runner', rid: host.rid })}.1`;
    expect(await raw.runner.subscribe(inbox)).toBe('ok');
    const answerTo = async (question: object): Promise<unknown> => {
      const before = raw.runner.messages.length;
      expect(await raw.runner.publish('desk.runner.eves-laptop', encode(question), inbox)).toBe('ok');
      await until('the host API answers', () => raw.runner.messages.length > before);
      return decode(raw.runner.messages.at(-1)!.payload);
    };
    // Ada's runner has had a command: her session was started by it.
    expect(await answerTo({ verb: 'commands_after', after: 0 })).toMatchObject({ kind: 'answer', commands: [] });
    for (const sid of [ada.sid, ada.rid, mine.sid])
      expect(await answerTo({ verb: 'commands_after', after: 0, sid })).toMatchObject({ kind: 'refused' });
    for (const after of [-1, 0.5, 'x', null])
      expect(await answerTo({ verb: 'commands_after', after })).toMatchObject({ code: 'bad_request' });
    for (const subject of [
      '$JS.API.CONSUMER.CREATE.COMMANDS.eves-laptop.runner.eves-laptop.cmd',
      '$JS.API.CONSUMER.MSG.NEXT.COMMANDS.eves-laptop',
      '$JS.pizzapi.API.CONSUMER.CREATE.COMMANDS.eves-laptop.runner.eves-laptop.cmd',
      '$JS.pizzapi.API.DIRECT.GET.COMMANDS',
    ])
      expect(await raw.runner.publish(subject, '{}', inbox), subject).toMatch(VIOLATION);
    expect(await raw.runner.subscribe(`live.runner.${ada.rid}.cmd`)).toMatch(VIOLATION);
  });
});

describe('(14) who is let in', () => {
  const refused = { kind: 'refused', error: expect.stringMatching(/authorization violation/i) as string };

  it('nobody without credentials, and nobody with a service’s name or an account’s password', async () => {
    const secret = 's'.repeat(32);
    const { token } = parseRunnerPassword(host.login.pass)!;
    const known = JSON.parse(readFileSync(join(stage.home, 'nats', 'credentials.json'), 'utf8')) as {
      runnerToken: string;
    };
    const tries: RawNatsLogin[] = [
      {},
      { user: 'gateway', pass: 'gateway' },
      { user: 'pizzapi-auditor', pass: '' },
      { user: 'owner', pass: 'Quattro-Formaggi-4' },
      { user: 'runner.new', pass: runnerPassword(eve.token, secret) },
      { user: 'runner.new', pass: runnerPassword(stage.token, secret) },
      { user: 'runner.new', pass: token },
      { user: 'runner.new', pass: `${token}.` },
      { user: 'runner.new', pass: runnerPassword(`${token.slice(0, -1)}~`, secret) },
      { user: 'runner.', pass: runnerPassword(token, secret) },
      { user: 'runner.*', pass: runnerPassword(token, secret) },
      { user: 'runner.>', pass: runnerPassword(token, secret) },
      { user: 'runner.a.b', pass: runnerPassword(token, secret) },
      { user: `runner.${'a'.repeat(65)}`, pass: runnerPassword(token, secret) },
      { user: 'admin.new', pass: runnerPassword(token, secret) },
      // Another secret, or another account's token: the id has its host.
      { user: host.login.user, pass: runnerPassword(token, secret) },
      { user: `runner.${ada.rid}`, pass: host.login.pass },
      { user: `keeper.${ada.rid}`, pass: host.login.pass },
      { user: host.login.user, pass: runnerPassword(known.runnerToken, secret) },
      // The grant of one session for another, and one that was changed.
      { user: `session.${ada.sid}`, pass: mine.login.pass },
      { user: `session.${ada.sid}`, pass: host.login.pass },
      { user: mine.login.user, pass: `${mine.login.pass.slice(0, -2)}AA` },
      {
        user: mine.login.user,
        pass: `${Buffer.from(encode([ada.sid, host.rid, eve.userId, 1])).toString('base64url')}.${mine.login.pass.split('.')[1]}`,
      },
      { user: mine.login.user, pass: '' },
      { user: mine.login.user, pass: '.' },
    ];
    for (const login of tries)
      expect(await RawNats.open(stage.natsUrl, login), `${login.user} with ${login.pass?.slice(0, 60)}`).toEqual(
        refused,
      );
    expect(await RawNats.open(stage.natsUrl, host.login), 'who is right is still let in').toMatchObject({
      kind: 'open',
    });
  });

  it('of two hosts that claim one id at once one', async () => {
    const { token } = await newKey(stage, eve, { name: 'twins', kind: 'runner' });
    const twins = await Promise.all(
      ['a', 'b', 'c'].map((letter) =>
        RawNats.open(stage.natsUrl, { user: 'runner.twins', pass: runnerPassword(token, letter.repeat(32)) }),
      ),
    );
    expect(twins.map(({ kind }) => kind).sort()).toEqual(['open', 'refused', 'refused']);
    for (const twin of twins) if (twin.kind === 'open') twin.nats.close();
  });

  it('and the shell of a session finds nothing to log in with, in its environment or its worker’s', async () => {
    const command = 'env; tr "\\0" "\\n" < /proc/$PPID/environ; tr "\\0" " " < /proc/$PPID/cmdline; echo; echo the end';
    const viewer = await open(stage.url, `/ws/sessions/${ada.sid}`, { bearer: stage.token });
    viewer.send({ type: 'resume' });
    viewer.send({ type: 'command', ref: 'env', name: 'exec', args: { command } });
    const { commandId } = await viewer.heard('ack', ({ ref }) => ref === 'env');
    const { event } = await viewer.heard('event', (frame) => {
      const { type, commandId: id } = frame['event'] as Record<string, unknown>;
      return type === 'command_result' && id === commandId;
    });
    viewer.close();
    const said = JSON.stringify(event);
    expect(said).toContain('the end');
    expect(said).toContain(`PIZZAPI_SESSION=${ada.sid}`);
    const known = readFileSync(join(stage.home, 'nats', 'credentials.json'), 'utf8');
    const secrets = [...known.matchAll(/"((?:S[UA][A-Z2-7]{56})|pzr_\w+|[\w-]{32})"/g)].map(([, secret]) => secret!);
    expect(secrets.length).toBeGreaterThan(6);
    for (const secret of [...secrets, stage.token]) expect(said.includes(secret)).toBe(false);
    expect(said).not.toMatch(/\bpz[kr]_|\bS[UA][A-Z2-7]{56}\b|local\.\w{20}/);
  });

  it('no desk gives a host what belongs to another account', async () => {
    const inbox = `${inboxPrefixOf({ kind: 'runner', rid: host.rid })}.2`;
    await raw.runner.subscribe(inbox);
    for (const question of [
      { verb: 'claim', sid: ada.sid },
      { verb: 'ids_after', sid: ada.sid, after: 0 },
      { verb: 'get_blob', sid: ada.sid, blob: 'a'.repeat(64), offset: 0 },
      { verb: 'has_result', sid: ada.sid, commandId: 'c' },
      { verb: 'ids_after', sid: 'nobodys', after: 0 },
    ]) {
      const before = raw.runner.messages.length;
      expect(await raw.runner.publish('desk.runner.eves-laptop', encode(question), inbox)).toBe('ok');
      await until('the desk answers', () => raw.runner.messages.length > before);
      expect(raw.runner.messages.at(-1)!.payload.toString('latin1'), JSON.stringify(question)).toContain(
        'session_not_found',
      );
    }
  });
});
