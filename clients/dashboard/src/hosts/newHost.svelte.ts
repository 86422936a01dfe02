import { installLine, isOfThisMachine, programUrl, type NetworkReply, type RunnerInfo } from '@pizzapi/protocol';
import { app } from '../state/app.svelte.js';
import { api } from '../state/client.js';
import { GATEWAY } from '../state/pagePath.js';

/** A machine that is about to become a host: the line to run there, and the runner once it is online. */
export class NewHost {
  /** Undefined until the gateway has answered. */
  network = $state.raw<NetworkReply>();
  /** The runners that were online when the dialog opened. */
  readonly #before = onlineDaemons().map(({ runnerId }) => runnerId);

  /** The address of the relay for other machines, or the one of this page. */
  readonly #url = $derived(this.network?.addresses[0]?.url ?? programUrl(GATEWAY));
  readonly line = $derived(installLine(this.#url));
  /** Whether other machines cannot reach the relay. */
  readonly isLocal = $derived(isOfThisMachine(this.#url));
  readonly arrived = $derived(onlineDaemons().find(({ runnerId }) => !this.#before.includes(runnerId)));

  readonly load = async (): Promise<void> => {
    const answer = await api.network();
    this.network = answer.kind === 'ok' ? answer.value : { addresses: [], lan: false, canSwitch: false };
  };
}

function onlineDaemons(): RunnerInfo[] {
  return app.runners.filter(({ online, kind }) => online === true && kind === 'daemon');
}
