import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readFileSync } from 'node:fs';
import type { TopReply } from '@pizzapi/protocol';
import { closePages, findChromium, openBrowser } from '../support/browser.js';
import { runCli } from '../support/cli.js';
import { startLocalStack, type LocalStack } from '../support/localStack.js';
import { readLog } from '../support/log.js';
import { readQueries } from '../support/monitoringFiles.js';
import { startOtlpCollector, type OtlpCollector } from '../support/otlpCollector.js';
import { sessionPage } from '../support/page.js';
import { parseQuery, sumOf } from '../support/promql.js';
import { healthPortOf, scrapeAll } from '../support/scrape.js';
import { openSignedIn } from '../support/signIn.js';
import { until } from '../support/until.js';
import { apiOf, newSession, watch } from '../support/viewer.js';
import { ask } from './support/http.js';
import { newShare, settleOwner, signUp, type Person } from './support/people.js';

let stage: LocalStack;
let collector: OtlpCollector;
let ada: Person;
let eve: Person;

beforeAll(async () => {
  collector = await startOtlpCollector();
  stage = await startLocalStack({
    PIZZAPI_SIGNUP: 'open',
    PIZZAPI_HEALTH_PORT: '0',
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint,
    OTEL_BSP_SCHEDULE_DELAY: '200',
  });
  ada = await settleOwner(stage);
  eve = await signUp(stage, 'Eve');
});
afterAll(async () => {
  await closePages();
  await stage?.clear();
  await collector?.close();
});

describe('what the gateway counts', () => {
  it('is not on the public port of the gateway, for any credentials', async () => {
    for (const bearer of [undefined, 'nonsense', ada.token, stage.token]) {
      const answer = await ask(stage.url, '/metrics', bearer === undefined ? {} : { bearer });
      expect([answer.status, answer.code]).toEqual([404, 'not_found']);
      expect(answer.text).not.toMatch(/pizzapi_|process_/);
    }
  });

  it('is summed up for admins alone: neither for strangers, nor for guests, nor for other accounts', async () => {
    const { token } = await newShare(stage, ada.token, await newSession(stage));
    const asked: [string, string | undefined, number][] = [
      ['a stranger', undefined, 401],
      ['a key that does not exist', 'nonsense', 403],
      ['a guest', token, 403],
      ['another account', eve.token, 403],
      ['an admin', ada.token, 200],
      ['the programs of this machine', stage.token, 200],
    ];
    for (const [who, bearer, status] of asked) {
      const answer = await ask(stage.url, '/api/top', bearer === undefined ? {} : { bearer });
      expect(answer.status, who).toBe(status);
    }
  });

  it('is told on a port of its own, which this machine alone reaches, to every program that scrapes there', async () => {
    const port = healthPortOf(stage, 'gateway');
    const answer = await ask(`http://127.0.0.1:${port}`, '/metrics');
    expect(answer.text).toMatch(/^pizzapi_gateway_/m);
    // The port is that of a listener (state 0A) by its address of IPv4 or of IPv6.
    const hex = port.toString(16).toUpperCase().padStart(4, '0');
    const listening = ['tcp', 'tcp6']
      .flatMap((name) => readFileSync(`/proc/net/${name}`, 'utf8').split('\n'))
      .map((line) => line.trim().split(/\s+/))
      .flatMap(([, address = '', , state]) => (state === '0A' && address.endsWith(`:${hex}`) ? [address] : []));
    expect(listening).toEqual([`0100007F:${hex}`]);
  });
});

describe('health', () => {
  it('says no more than that, to anyone', async () => {
    for (const [path, text] of [
      ['/livez', 'ok\n'],
      ['/readyz', 'ready\n'],
    ] as const) {
      const answer = await ask(stage.url, path);
      expect([answer.status, answer.text]).toEqual([200, text]);
    }
  });
});

describe('the metrics of a running system', () => {
  it('every metric that a dashboard or an alert selects is exported', async () => {
    const scrapes = Object.values(await scrapeAll(stage));
    // Prometheus itself makes `up`.
    const exported = new Set(['up', ...scrapes.flatMap(({ names }) => [...names])]);
    const selected = readQueries().flatMap(({ expr }) => parseQuery(expr).selectors.map(({ metric }) => metric));
    expect([...new Set(selected)].filter((metric) => !exported.has(metric))).toEqual([]);
  });

  it('equal what a viewer and the log of a session have recorded', async () => {
    const sid = await newSession(stage);
    const viewer = watch(stage, sid);
    await until('the viewer is live', () => viewer.session.connection.state.kind === 'live');
    // What the session did before is stored and projected.
    const settled = () => sessionCounts(stage, sid);
    const before = await settled();
    const seen = viewer.events.length;
    const sent = await viewer.session.sendInput('/demo edit');
    expect(sent.kind).toBe('accepted');
    await viewer.next('agent_end');
    const after = await settled();
    const recorded = viewer.events.length - seen;
    expect(after.logged - before.logged).toBe(recorded);
    expect(after.delivered - before.delivered).toBe(recorded);
    expect(after.received - before.received).toBe(recorded);
    expect(after.projected - before.projected).toBe(recorded);
    expect(after.stored - before.stored).toBe(recorded);
    expect(after.commands - before.commands).toBe(1);
    expect(after).toMatchObject({ lag: 0, connected: 4, viewers: 1, spool: 0 });
    viewer.close();
  });

  it('no label names a session, a runner or a person', async () => {
    const { hosts } = await top();
    const listed = await apiOf(stage).sessions();
    const sids = listed.kind === 'ok' ? listed.value.sessions.map(({ sessionId }) => sessionId) : [];
    const ids = [...sids, ...hosts.map(({ runnerId }) => runnerId), ada.userId, eve.userId];
    expect(ids.length).toBeGreaterThan(3);
    for (const { text } of Object.values(await scrapeAll(stage)))
      expect(ids.filter((id) => text.includes(id))).toEqual([]);
  });

  it('pizzapi top shows the host with what it has stored', async () => {
    const reply = await top();
    expect(reply.projections.map(({ stream }) => stream)).toEqual(['SESSIONS', 'RUNNERS']);
    expect(reply.hosts).toHaveLength(1);
    expect(reply.hosts[0]!.load!.events).toBeGreaterThan(0);
    const { stdout } = await runCli(stage, 'top', '--once', '--relay-url', stage.url);
    expect(stdout).toMatch(/^HOST +WORK +AWAKE/m);
  });
});

describe('a trace', () => {
  it('the context of a hostile client is not used: the command gets a trace of its own', async () => {
    const sid = await newSession(stage);
    const hostile = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01${'c'.repeat(2_000)}`;
    const answer = await fetch(`${stage.url}/api/sessions/${sid}/commands`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${stage.token}`,
        'content-type': 'application/json',
        traceparent: hostile,
        tracestate: 'x'.repeat(3_000),
      },
      body: JSON.stringify({ name: 'set_name', args: { name: 'Hostile' } }),
    });
    expect(answer.status).toBe(202);
    const span = await until('the span of the command', () =>
      collector.spans.find(
        ({ name, attributes }) => name === 'command set_name' && attributes['pizzapi.session'] === sid,
      ),
    );
    expect(span.traceId).not.toMatch(/^a+$/);
    expect(collector.texts.join('')).not.toContain('aaaaaaaaaaaaaaaa');
  });

  it.skipIf(findChromium() === undefined)(
    'leads from a click in the page to a tool call and back to the viewers',
    async () => {
      const sid = await newSession(stage);
      const { page, complaints } = await openSignedIn(stage, await openBrowser(), `/s/${sid}`);
      const clicked = new Promise<string>((resolve) => {
        page.on('websocket', (socket) =>
          socket.on('framesent', ({ payload }) => {
            const found = /traceparent.{0,3}00-([0-9a-f]{32})-([0-9a-f]{16})/.exec(payload.toString('latin1'));
            if (found !== null) resolve(`${found[1]}-${found[2]}`);
          }),
        );
      });
      await page.reload();
      await sessionPage(page).say('/demo edit');
      const [traceId, pageSpan] = (await clicked).split('-');
      const spans = () => collector.spans.filter((span) => span.traceId === traceId);
      await until('the run, its call, and its last event are collected', () => {
        const names = spans().map(({ name }) => name);
        return ['run', 'deliver agent_end', 'command input', 'handle input'].every((name) => names.includes(name));
      });
      const one = (name: string) => spans().find((span) => span.name === name)!;
      const command = one('command input');
      const handle = one('handle input');
      const run = one('run');
      const tool = spans().find(({ name }) => name.startsWith('tool '))!;
      expect(command).toMatchObject({ service: 'pizzapi-gateway', parentSpanId: pageSpan });
      expect(handle).toMatchObject({ service: 'pizzapi-runner', parentSpanId: command.spanId });
      expect(run).toMatchObject({ service: 'pizzapi-worker', parentSpanId: handle.spanId });
      expect(tool).toMatchObject({ service: 'pizzapi-worker', parentSpanId: run.spanId });
      const delivered = (name: string) => one(`deliver ${name}`);
      expect(delivered('input_received').parentSpanId).toBe(handle.spanId);
      expect(delivered('tool_execution_end')).toMatchObject({ service: 'pizzapi-gateway', parentSpanId: tool.spanId });
      expect(delivered('agent_end')).toMatchObject({ parentSpanId: run.spanId });
      expect(Number(delivered('agent_end').attributes['pizzapi.viewers'])).toBeGreaterThan(0);
      // The texts of people, agents and tools are in no span.
      expect(collector.texts.join('')).not.toMatch(/demo edit|recipe/i);
      expect(complaints).toEqual([]);
    },
  );
});

async function top(): Promise<TopReply> {
  return JSON.parse((await ask(stage.url, '/api/top', { bearer: stage.token })).text) as TopReply;
}

/** The counts of all processes, when the projections have everything that the log of the session has. */
async function sessionCounts(stack: LocalStack, sid: string) {
  let last = '';
  return until('the counts stand still', async () => {
    const { gateway, projector, authenticator, runner } = await scrapeAll(stack);
    const lag = sumOf(projector.series, 'pizzapi_projector_lag_events');
    const all = [gateway, projector, authenticator, runner];
    const counts = {
      lag,
      logged: (await readLog(stack, sid)).length,
      delivered: sumOf(gateway.series, 'pizzapi_gateway_frames_total', { kind: 'event' }),
      received: sumOf(gateway.series, 'pizzapi_gateway_received_total', { kind: 'event' }),
      commands: sumOf(gateway.series, 'pizzapi_gateway_commands_total', { outcome: 'ok' }),
      viewers: sumOf(gateway.series, 'pizzapi_gateway_viewers'),
      projected: sumOf(projector.series, 'pizzapi_projector_events_total', { stream: 'SESSIONS' }),
      stored: sumOf(runner.series, 'pizzapi_backbone_events_appended_total'),
      spool: sumOf(runner.series, 'pizzapi_runner_spool_bytes'),
      connected: all.filter(({ series }) => sumOf(series, 'pizzapi_backbone_connected') === 1).length,
    };
    const now = JSON.stringify(counts);
    const isStill = now === last && lag === 0;
    last = now;
    return isStill && counts;
  });
}
