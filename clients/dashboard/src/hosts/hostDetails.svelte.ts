import type { ErrorInfo, MethodReply } from '@pizzapi/protocol';
import { api } from '../state/client.js';
import { reportResult } from '../state/reportResult.js';

/** The round trips of a ping, in ms. */
export interface Hops {
  total: number;
  reply: MethodReply<'ping'>;
}

/** What the dialog of a host shows and does. */
export class HostDetails {
  hops = $state.raw<Hops>();
  error = $state.raw<ErrorInfo>();
  busy = $state(false);

  constructor(readonly runnerId: string) {}

  readonly ping = async (): Promise<void> => {
    this.busy = true;
    const began = performance.now();
    const answer = await api.runnerCall(this.runnerId, 'ping', {});
    this.hops = answer.kind === 'ok' ? { total: performance.now() - began, reply: answer.value } : undefined;
    this.error = answer.kind === 'failed' ? answer.error : undefined;
    this.busy = false;
  };

  async end(how: 'restart' | 'shutdown'): Promise<boolean> {
    this.busy = true;
    const said = how === 'restart' ? 'The runner restarts.' : 'The runner stops.';
    const done = await reportResult(api.runnerCall(this.runnerId, how, {}), said);
    this.busy = false;
    return done;
  }
}
