import { claimGrant, connectBackbone, type Backbone, type SessionCaller } from '@pizzapi/backbone';
import { natsUserOf, newId, runnerPassword, type HostLogin, type RunnerRight } from '@pizzapi/protocol';
import type { SecuredNats } from './securedNats.js';

const SECRET = 'a-secret-of-this-host';

/** A registered runner with its connection. */
export interface TestRunner {
  rid: string;
  b: Backbone;
  /** The password of its connections. */
  password: string;
  /** How the runner calls the host API for one of its sessions. */
  of: (sid: string) => SessionCaller;
}

/** A session that its runner was granted, with the connection of its worker. */
export interface HostedTestSession {
  rid: string;
  runner: Backbone;
  sid: string;
  epoch: number;
  worker: Backbone;
  caller: SessionCaller;
}

/** Connections of hosts that have no agent, to a secured nats-server. */
export class TestHosts {
  private readonly open: Backbone[] = [];

  constructor(private readonly s: SecuredNats) {}

  async connect(login: HostLogin, password: string): Promise<Backbone> {
    const b = await connectBackbone({ url: this.s.url, name: natsUserOf(login), host: login, password });
    this.open.push(b);
    return b;
  }

  async runner(userId: string, more: { allow?: RunnerRight[] } = {}): Promise<TestRunner> {
    const rid = newId('r');
    const password = runnerPassword(await this.s.newRunnerToken(userId, more), SECRET);
    const b = await this.connect({ kind: 'runner', rid }, password);
    return { rid, b, password, of: (sid) => ({ kind: 'runner', rid, sid }) };
  }

  async session({ rid, b, of }: TestRunner): Promise<HostedTestSession> {
    const sid = newId('s');
    const grant = await claimGrant(b, of(sid));
    if (grant.kind !== 'granted') throw new Error(grant.code);
    const worker = await this.connect({ kind: 'session', sid }, grant.grant);
    return { rid, runner: b, sid, epoch: grant.epoch, worker, caller: { kind: 'session', sid } };
  }

  async close(): Promise<void> {
    await Promise.all(this.open.map((b) => b.close()));
  }
}
