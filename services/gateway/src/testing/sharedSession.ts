import { SUBPROTOCOL } from '@pizzapi/protocol';
import { expect, vi } from 'vitest';
import { refusal, type TestClient } from './client.js';
import { FakeRunner } from './fakeRunner.js';
import { PATIENT } from './patience.js';
import { startScenario, type GatewayScenario } from './scenario.js';

export interface Answer {
  status: number;
  body: Record<string, unknown>;
}

/** What a refusal looks like. */
export const failure = (status: number, code: string) => ({ status, body: { error: { code } } });

/** A gateway with a runner and one hosted session, for tests of its share links. */
export class SharedSession {
  private constructor(
    readonly s: GatewayScenario,
    readonly runner: FakeRunner,
    readonly sid: string,
  ) {}

  static async start(): Promise<SharedSession> {
    const s = await startScenario();
    const runner = await FakeRunner.start(s.b, 'r1', s.home);
    await vi.waitFor(async () => expect((await s.fetch('/api/runners/r1')).status).toBe(200), PATIENT);
    return new SharedSession(s, runner, await spawn(s));
  }

  async end(): Promise<void> {
    await this.runner.stop();
    await this.s.end();
  }

  /** The path of the session in the HTTP API. */
  path(rest = ''): string {
    return `/api/sessions/${this.sid}${rest}`;
  }

  async ask(path: string, init: Parameters<GatewayScenario['fetch']>[1] = {}): Promise<Answer> {
    const answer = await this.s.fetch(path, init);
    const text = await answer.text();
    return { status: answer.status, body: text.startsWith('{') ? (JSON.parse(text) as Record<string, unknown>) : {} };
  }

  /** The refusal of an upgrade with a token. */
  upgrade(token: string, path = `/ws/sessions/${this.sid}`): ReturnType<typeof refusal> {
    return refusal(this.s.url.replace('http', 'ws') + path, [SUBPROTOCOL.msgpack, `bearer.${token}`]);
  }

  /** Opens a socket of a guest. */
  async watch(token: string, query = ''): Promise<TestClient> {
    const client = await this.s.connect(`/ws/sessions/${this.sid}${query}`, { token });
    await client.heard('hello');
    return client;
  }
}

async function spawn(s: GatewayScenario): Promise<string> {
  const answer = await s.fetch('/api/sessions', { method: 'POST', json: { runnerId: 'r1' } });
  const { sessionId } = (await answer.json()) as { sessionId: string };
  const shown = async () => (await (await s.fetch(`/api/sessions/${sessionId}`)).json()) as unknown;
  await vi.waitFor(async () => expect(await shown()).toMatchObject({ session: { host: 'connected' } }), PATIENT);
  return sessionId;
}
