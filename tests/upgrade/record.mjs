import { spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { WebSocket } from 'ws';
import { buildPrevious, previousRelease } from './buildPrevious.mjs';

/**
 * Records what the release before this one stores and sends, in `tests/fixtures/previousRelease`: its schemas, and the rows,
 * logs, commands and frames of a short run. Run it once for each release, after `previousRelease.json` names the new one.
 */
const OUT = fileURLToPath(new URL('../fixtures/previousRelease/', import.meta.url));
/** What earlier releases stored: this release reads it, too. */
const EARLIER = fileURLToPath(new URL('../fixtures/earlierReleases/', import.meta.url));
const STREAMS = ['SESSIONS', 'RUNNERS'];
/** The buckets that more than one process reads. */
const BUCKETS = ['accounts', 'api-keys', 'shares', 'owners', 'sessions', 'session-meta', 'recent-sessions', 'runners'];
const INPUTS = ['/demo help', 'Hello **world**', '/demo tool'];

const old = buildPrevious();
const of = (file) => import(pathToFileURL(join(old, file)).href);
const protocol = await of('schemas/protocol/dist/index.js');
const backbone = await of('schemas/backbone/dist/index.js');
const { localToken, readGatewaySecret, homeLayout } = await of('schemas/process/dist/index.js');

const root = realpathSync(mkdtempSync(join(tmpdir(), 'pizzapi-record-')));
const home = join(root, 'state');
const project = join(root, 'person', 'project');
mkdirSync(project, { recursive: true });
const run = spawn(
  process.execPath,
  [join(old, 'clients/cli/dist/bundle/main.js'), 'local', '--home', home, '--port', '0', '--no-open', '--json'],
  {
    env: {
      PATH: process.env.PATH,
      XDG_CACHE_HOME: join(process.env.HOME, '.cache'),
      HOME: join(root, 'person'),
      PIZZAPI_PI: 'bundled',
      PIZZAPI_RUNNER_NAME: 'kitchen',
      PIZZAPI_DEMO_SPEED: '2000',
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  },
);
const until = async (what, look) => {
  for (let i = 0; i < 3_000; i++) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`This did not happen: ${what}`);
};
try {
  const line = await new Promise((resolve) => {
    let out = '';
    run.stdout.on('data', (data) => ((out += data), out.includes('\n') && resolve(out)));
  });
  const { url } = JSON.parse(line);
  const token = localToken(readGatewaySecret(home));
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const ask = async (method, path, body) => {
    const reply = await fetch(url + path, {
      method,
      headers,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return reply.status === 204 ? undefined : reply.json();
  };
  const runner = await until('a runner is online', async () =>
    (await ask('GET', '/api/runners')).runners?.find(({ online }) => online),
  );
  const { sessionId: sid } = await ask('POST', '/api/sessions', {
    runnerId: runner.runnerId,
    cwd: project,
    model: 'demo/demo',
  });
  const frames = { viewer: [], hub: [] };
  const watch = (path, into) => {
    const ws = new WebSocket(url.replace('http', 'ws') + path, [protocol.SUBPROTOCOL.json, `bearer.${token}`]);
    ws.addEventListener('message', ({ data }) => into.push(JSON.parse(String(data))));
    return new Promise((resolve) => ws.addEventListener('open', () => resolve(ws)));
  };
  await until('the session is there', async () => (await ask('GET', `/api/sessions/${sid}`)).error === undefined);
  const hub = await watch('/ws/hub', frames.hub);
  const viewer = await watch(`/ws/sessions/${sid}`, frames.viewer);
  viewer.send(JSON.stringify({ type: 'resume', after: 0 }));
  const ends = () => frames.viewer.filter(({ type, event }) => type === 'event' && event?.type === 'agent_end').length;
  for (const [at, text] of INPUTS.entries()) {
    await ask('POST', `/api/sessions/${sid}/input`, { text });
    await until(`the agent has answered ${text}`, () => ends() > at);
  }
  await ask('POST', '/api/keys', { name: 'ci' });
  await ask('POST', '/api/invitations', { note: 'Ada' });
  await ask('POST', `/api/sessions/${sid}/shares`, { mode: 'collab' });
  hub.close();
  viewer.close();

  const nats = JSON.parse(readFileSync(homeLayout(home).natsAccessFile, 'utf8'));
  const connect = async (user) => {
    const b = await backbone.connectBackbone({ url: nats.url, nkey: nats.users[user].nkeySeed, name: 'record' });
    await backbone.verifyProvisioned(b);
    return b;
  };
  const logs = {};
  const reader = await connect('projector');
  for (const stream of STREAMS) {
    const head = await backbone.streamHead(reader, stream);
    const stop = new AbortController();
    logs[stream] = [];
    if (head > 0)
      await backbone.consumeStream(reader, stream, {
        ...{ after: 0, signal: stop.signal },
        onBatch: (batch) => {
          for (const { payload, seq } of batch) {
            logs[stream].push(protocol.decode(payload));
            if (seq >= head) stop.abort();
          }
        },
      });
  }
  await reader.close();
  const b = await connect('gateway');
  const rows = {};
  for (const name of BUCKETS) rows[name] = Object.fromEntries(await backbone.bucket(b, name).all());
  await b.close();

  const clean = (value) =>
    `${JSON.stringify(value, null, 1)}\n`
      .replaceAll(project, '/home/ada/project')
      .replaceAll(root, '/home/ada')
      .replaceAll(old, '/opt/pizzapi')
      .replaceAll(hostname(), 'kitchen');
  keepEarlier();
  rmSync(OUT, { recursive: true, force: true });
  mkdirSync(OUT, { recursive: true });
  cpSync(join(old, 'schemas/protocol/schema'), join(OUT, 'schema'), { recursive: true });
  const rowSchemas = Object.entries(protocol).filter(([name, value]) => /Row$/.test(name) && typeof value === 'object');
  writeFileSync(
    join(OUT, 'schema/rows.json'),
    `${JSON.stringify({ $defs: Object.fromEntries(rowSchemas) }, null, 2)}\n`,
  );
  writeFileSync(join(OUT, 'logs.json'), clean(logs));
  writeFileSync(join(OUT, 'rows.json'), clean(rows));
  writeFileSync(join(OUT, 'frames.json'), clean(frames));
  writeFileSync(join(OUT, 'release.json'), `${JSON.stringify(previousRelease(), null, 2)}\n`);
} finally {
  run.kill('SIGTERM');
  await new Promise((resolve) => run.once('exit', resolve));
  rmSync(root, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
}

/** Keeps what another release has recorded here, without its schemas. */
function keepEarlier() {
  if (!existsSync(`${OUT}release.json`)) return;
  const { commit } = JSON.parse(readFileSync(`${OUT}release.json`, 'utf8'));
  if (commit === previousRelease().commit) return;
  const folder = join(EARLIER, commit.slice(0, 8));
  mkdirSync(folder, { recursive: true });
  for (const name of ['frames', 'logs', 'rows', 'release']) cpSync(`${OUT}${name}.json`, join(folder, `${name}.json`));
}
