import type { ErrorInfo, HandoverReply, NetworkReply } from '@pizzapi/protocol';
import { api } from '../state/client.js';

/** How a phone opens this page: the address, and a link that signs it in. */
export class Phone {
  network = $state.raw<NetworkReply>();
  /** The link for one sign-in. It is here only while the dialog is open. */
  handover = $state.raw<HandoverReply>();
  error = $state.raw<ErrorInfo>();
  busy = $state(false);
  readonly best = $derived(this.network?.addresses[0]);

  readonly load = async (): Promise<void> => {
    const answer = await api.network();
    if (answer.kind === 'failed') this.error = answer.error;
    else await this.#show(answer.value);
  };

  /** Opens the page to the local network, or closes it. */
  async setLan(lan: boolean): Promise<void> {
    if (this.busy) return;
    this.busy = true;
    this.error = undefined;
    const answer = await api.setNetwork(lan);
    if (answer.kind === 'failed') this.error = answer.error;
    else await this.#show(answer.value);
    this.busy = false;
  }

  async #show(network: NetworkReply): Promise<void> {
    this.network = network;
    this.handover = undefined;
    if (network.addresses.length === 0) return;
    const link = await api.handover();
    if (link.kind === 'ok') this.handover = link.value;
    else this.error = link.error;
  }
}
