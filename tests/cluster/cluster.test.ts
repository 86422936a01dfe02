import { createApi } from '@pizzapi/session-client';
import { isMap, stringAt } from '@pizzapi/protocol';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { digestsOf, problemsOfLog, readClusterLog } from '../bench/harness/clusterLog.js';
import { startClusterStack, startProgramOfCluster, type ClusterStack } from '../bench/harness/clusterStack.js';
import { startProgram, type Program } from '../bench/harness/program.js';
import { rollingRestart, rollingUpgrade, type RestartStep } from '../bench/harness/rollingRestart.js';
import { SteadyInputs } from '../bench/harness/steadyInputs.js';
import type { ClusterViewersApi } from '../bench/programs/clusterViewers.js';
import { closePages, findChromium, openBrowser, shot } from '../support/browser.js';
import { expectCompleteLog } from '../support/expectCompleteLog.js';
import { NO_SERVER, sessionPage, type WatchedPage } from '../support/page.js';
import { openSignedIn } from '../support/signIn.js';
import { walkThroughSession } from '../support/walkThroughSession.js';
import { steppedOutput } from '../support/steppedOutput.js';
import { TESTED_PI } from '../support/testedPi.js';
import { until } from '../support/until.js';
import { backUpRunning, resumeElsewhere, type ClusterBackup } from './disaster.js';
import { eraseSessionAndAccount } from './erasure.js';
import { apiOf, tell, textsOf, untilHosted, watch, type SessionWatcher } from '../support/viewer.js';

/** The build of the release before this one: `npm run test:upgrade` makes it and names it. */
const previous = process.env['PIZZAPI_TEST_PREVIOUS'] || undefined;
/** Viewers of each of two sessions. `npm run test:upgrade -- --viewers 200` sets how many there are in all. */
const VIEWERS = Number(process.env['PIZZAPI_TEST_VIEWERS'] || 40) / 2;

/**
 * A runner that is restarted continues the work of its agents by itself. Two partitions share the work between both
 * projectors.
 */
const env = { PIZZAPI_PI: TESTED_PI, PIZZAPI_INTERRUPTED: 'continue', PIZZAPI_PARTITIONS: '2' };

const chromium = findChromium();
if (chromium === undefined)
  console.warn('SKIPPED: a cluster in a browser. There is no Chromium; set PIZZAPI_CHROMIUM.');

let stack: ClusterStack;
let backup: ClusterBackup | undefined;
/** The ids of the runners by name. */
let runners: Record<string, string>;
const watchers: SessionWatcher[] = [];

beforeAll(async () => {
  stack = await startClusterStack({ env });
  const reply = await apiOf(stack).runners();
  if (reply.kind === 'failed') throw new Error(reply.error.message);
  runners = Object.fromEntries(reply.value.runners.map(({ name, runnerId }) => [name, runnerId]));
}, 240_000);
afterEach(() => watchers.splice(0).forEach((watcher) => watcher.close()));
afterAll(async () => {
  await closePages();
  await stack?.clear();
}, 60_000);

/** The same installation, through one gateway and not through the load balancer. */
const through = (gateway: number): ClusterStack => ({ ...stack, url: stack.gateways[gateway]! });

function viewer(sid: string, at: Pick<ClusterStack, 'url' | 'token'> = stack): SessionWatcher {
  const watcher = watch(at, sid);
  watchers.push(watcher);
  return watcher;
}

/** Starts a session on a runner through one gateway. */
async function startOn(runner: string, at: ClusterStack = stack): Promise<string> {
  const reply = await apiOf(at).createSession({
    ...{ runnerId: runners[runner]!, cwd: stack.project, model: 'demo/demo' },
  });
  if (reply.kind === 'failed') throw new Error(reply.error.message);
  return reply.value.sessionId;
}

describe('a cluster of two of everything behind a load balancer without affinity', () => {
  it('two runners are online, and both gateways list them', () => {
    expect(Object.keys(runners).sort()).toEqual(['runner-1', 'runner-2']);
  });

  it('a session that was started at one gateway is at once there at the other, which takes inputs and streams it', async () => {
    for (const [name, first] of [
      ['runner-1', 0],
      ['runner-2', 1],
    ] as const) {
      const [here, there] = [through(first), through(1 - first)];
      const sid = await startOn(name, here);
      const [view, other] = [viewer(sid, here), viewer(sid, there)];
      await untilHosted(there, sid);
      await until('both list two viewers', () => [view, other].every(({ session }) => session.viewers.length === 2));
      const { prompt, seen } = steppedOutput(stack, 1);
      await tell(there, sid, prompt);
      await until('the command runs', () => JSON.stringify(view.session.transcript.items).includes('slice 1'));
      // While the agent works, so that it is read before the next step.
      await tell(here, sid, 'Also: thin crust');
      await until('the input is queued', () => view.session.transcript.queue.steering.length === 1);
      seen(1);
      const steered = await until('the agent has read it', () =>
        other.events.find(({ event }) => event.type === 'message_end' && JSON.stringify(event).includes('thin crust')),
      );
      await other.next('agent_end', undefined, steered.seq);
      await expectCompleteLog(stack, sid, view);
      await expectCompleteLog(stack, sid, other);
      expect(textsOf(other, 'user').at(-1)).toBe('Also: thin crust');
      expect((await apiOf(there).deleteSession(sid)).kind).toBe('ok');
      await until('no gateway has the session', async () =>
        (await Promise.all([here, there].map((at) => apiOf(at).session(sid)))).every(({ kind }) => kind === 'failed'),
      );
    }
  });

  it('a file that was uploaded at one gateway is sent with an input at the other, and read at both', async () => {
    const [here, there] = [through(0), through(1)];
    const sid = await startOn('runner-1', here);
    await untilHosted(there, sid);
    const headers = { authorization: `Bearer ${stack.token}` };
    const uploaded = await fetch(`${here.url}/api/sessions/${sid}/blobs?name=note.txt`, {
      ...{ method: 'POST', headers: { ...headers, 'content-type': 'text/plain' }, body: 'Mozzarella' },
    });
    const blob: unknown = await uploaded.json();
    expect(uploaded.status, JSON.stringify(blob)).toBe(201);
    const sent = await fetch(`${there.url}/api/sessions/${sid}/input`, {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json' },
      body: JSON.stringify({ text: '/demo help', attachments: [blob] }),
    });
    expect(sent.status, await sent.text()).toBe(202);
    await viewer(sid, there).next('agent_end');
    const id = isMap(blob) ? stringAt(blob, 'blob') : undefined;
    for (const at of [here, there]) {
      const read = await fetch(`${at.url}/api/sessions/${sid}/blobs/${id}`, { headers });
      expect(await read.text()).toBe('Mozzarella');
    }
  });
});

describe.skipIf(chromium === undefined)('a person at the load balancer', () => {
  let browser: Browser;
  const pages: WatchedPage[] = [];

  beforeAll(async () => {
    browser = await openBrowser();
  });
  afterEach(async ({ task }) => {
    for (const [n, { page }] of pages.entries())
      if (task.result?.state === 'fail') await page.screenshot({ path: shot(`cluster-failed-${n}`) });
    expect(pages.flatMap(({ complaints }) => complaints.splice(0))).toEqual([]);
  });

  it('signs in once, sees the sessions of both runners, answers a question, and shares a link that a guest opens', async () => {
    const watched = await openSignedIn(stack, browser, '/');
    pages.push(watched);
    const { page } = watched;
    const [one, two] = [await startOn('runner-1'), await startOn('runner-2')];
    for (const sid of [one, two]) await page.locator(`a[href="/s/${sid}"]`).first().waitFor();
    // The sign-in was made at one gateway. Each of these requests goes to either.
    for (let i = 0; i < 4; i++) {
      await page.reload();
      await page.locator(`a[href="/s/${one}"]`).first().waitFor();
    }
    pages.push(await walkThroughSession(stack, { browser, page, sid: one }));
  });
});

describe('a roll through every process while two agents write and viewers watch', () => {
  let viewers: Program<ClusterViewersApi>;
  afterAll(() => viewers?.stop());

  const nameOf = ({ process, signal }: RestartStep): string => `${process} ${signal}`;

  /** What the agents write, and what `work` does meanwhile, is complete for every viewer. Returns the steps of the gateways. */
  async function rolling(work: (onStep: (step: RestartStep) => void) => Promise<void>) {
    const sids = [await startOn('runner-1'), await startOn('runner-2')];
    for (const sid of sids) await untilHosted(stack, sid);
    viewers = startProgram<ClusterViewersApi>('clusterViewers', undefined);
    const { url, token } = stack;
    expect(await viewers.call('open', { url, token, sids, count: VIEWERS })).toBe(true);
    const writers = sids.map((sid) => new SteadyInputs(stack, sid));
    const steps: RestartStep[] = [];
    await work((step) => steps.push(step));
    await Promise.all(writers.map((writer) => writer.stop()));

    for (const { sid, accepted } of writers) {
      expect(accepted.length).toBeGreaterThan(1);
      const log = await readClusterLog(stack, sid);
      expect(problemsOfLog(log, accepted)).toEqual([]);
      const { events, transcript } = digestsOf(log);
      expect(await viewers.call('digests', { sid, upTo: log.at(-1)!.seq })).toEqual({
        ...{ all: true, viewers: VIEWERS, repeats: 0 },
        ...{ events: [events], transcripts: [transcript] },
      });
    }
    const longest = ({ outages }: RestartStep) => Math.round(outages.at(-1) ?? 0);
    console.info(
      steps
        .map(
          (step) => `${step.process} ${step.signal}: ready ${Math.round(step.readyMs)} ms, viewers ${longest(step)} ms`,
        )
        .join('\n'),
    );
    // Only the viewers of a gateway notice, and they return to the other gateway.
    expect(steps.filter(({ process, outages }) => !process.startsWith('gateway') && outages.length > 0)).toEqual([]);
    const gateways = steps.filter(({ process }) => process.startsWith('gateway'));
    return gateways;
  }

  it.skipIf(previous !== undefined)(
    'that restarts it, loses and doubles nothing, and every viewer is live again',
    async () => {
      const gateways = await rolling((onStep) => rollingRestart(stack, viewers, onStep));
      expect(gateways.map(nameOf)).toEqual(['gateway-1 SIGTERM', 'gateway-2 SIGTERM', 'gateway-1 SIGKILL']);
      expect(gateways.filter(({ outages }) => outages.length === 0)).toEqual([]);
    },
    240_000,
  );

  it.skipIf(previous === undefined || chromium === undefined)(
    'back to the release before this one and to this one again loses and doubles nothing, and the pages of both stay live',
    async () => {
      const browser = await openBrowser();
      const pages: WatchedPage[] = [];
      const opened = async (sid: string): Promise<WatchedPage> => {
        const watched = await openSignedIn(stack, browser, `/s/${sid}`);
        pages.push(watched);
        return watched;
      };
      const sees = ({ page }: WatchedPage, words: string) =>
        sessionPage(page).rows.filter({ hasText: words }).first().waitFor();
      const gateways = await rolling(async (onStep) => {
        const sid = await startOn('runner-1');
        await untilHosted(stack, sid);
        const page = await opened(sid);
        await rollingUpgrade(stack, viewers, { to: { checkout: previous! } }, onStep);
        await tell(stack, sid, 'Said to the release before');
        await sees(page, 'Said to the release before');
        const older = await opened(sid);
        await sees(older, 'Said to the release before');
        await rollingUpgrade(stack, viewers, { to: 'present' }, onStep);
        await tell(stack, sid, 'Said to this release');
        await sees(page, 'Said to this release');
        await sees(older, 'Said to this release');
      });
      expect(gateways.map(nameOf)).toEqual(
        ['gateway-2', 'gateway-1', 'gateway-1', 'gateway-2'].map((name) => `${name} SIGTERM`),
      );
      // All viewers have left the gateway that was restarted last, so that its next restart concerns none.
      expect(gateways.filter(({ outages }) => outages.length === 0)).toHaveLength(1);
      expect(pages.flatMap(({ complaints }) => complaints.filter((text) => !NO_SERVER.test(text)))).toEqual([]);
    },
    480_000,
  );
});

describe('what an operator does with a cluster that runs', () => {
  it('erases a session and an account with their files, links, keys and runners, and a late host brings nothing back', () =>
    eraseSessionAndAccount(stack));

  it('backs it up while an agent writes, and the backup folds to the same states', async () => {
    const sid = await startOn('runner-1');
    await untilHosted(stack, sid);
    backup = await backUpRunning(stack, sid);
  });
});

describe('the program that starts a cluster', () => {
  const run = async (...args: string[]): Promise<{ code: number | null; out: string; err: string }> => {
    const child = startProgramOfCluster(args, { PIZZAPI_PI: TESTED_PI });
    const exited = new Promise<number | null>((resolve) => child.once('exit', resolve));
    const [out, err, code] = await Promise.all([text(child.stdout!), text(child.stderr!), exited]);
    return { code, out, err };
  };
  const isAlive = (pid: number): boolean => {
    try {
      process.kill(pid, 0);
      return true;
    } catch {
      return false;
    }
  };

  it('prints its help, and refuses an unknown flag, a home that runs and a port that is in use, each with a code', async () => {
    const help = await run('--help');
    expect(help).toMatchObject({ code: 0, err: '' });
    expect(help.out).toContain('--home <folder>');
    const unknown = await run('--gateway');
    expect(unknown).toMatchObject({ code: 2, out: '' });
    expect(unknown.err).toMatch(/^bad_option: /);
    const again = await run('--home', stack.home, '--json');
    expect(again).toMatchObject({ code: 1, out: '' });
    expect(again.err).toContain('[store_in_use]');
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as AddressInfo;
    const refused = await run('--port', String(port), '--json');
    taken.close();
    expect(refused).toMatchObject({ code: 1, out: '' });
    expect(refused.err).toContain('[port_in_use]');
  });

  it('leaves no process when it is killed; the next start has all sessions, and SIGTERM ends everything', async () => {
    const before = await apiOf(stack).sessions();
    const killed = Object.values((await stack.state()).pids);
    expect(killed).toHaveLength(12);
    await stack.stop('SIGKILL');
    await until('all processes have ended', () => !killed.some(isAlive), 60_000);

    const next = await startClusterStack({ env, root: stack.home.replace(/\/state$/, '') });
    const api = createApi({ url: next.url, token: next.token });
    const idsIn = (reply: Awaited<ReturnType<typeof api.sessions>>) =>
      reply.kind === 'ok' ? reply.value.sessions.map(({ sessionId }) => sessionId).sort() : [];
    expect(idsIn(before).length).toBeGreaterThan(0);
    expect(idsIn(await api.sessions())).toEqual(idsIn(before));
    const pids = Object.values((await next.state()).pids);
    expect(await next.stop()).toEqual({ code: 0, signal: null });
    expect(pids.filter(isAlive)).toEqual([]);
    expect(existsSync(next.home)).toBe(true);
  });
});

describe('after the loss of all servers of a cluster', () => {
  it('the backup is restored with more partitions elsewhere, and the host continues its session there', async () => {
    if (backup === undefined) throw new Error('there is no backup');
    await resumeElsewhere(stack, backup);
  });
});
