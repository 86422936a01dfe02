import type { ClientRequestArgs } from 'node:http';
import { WebSocket, type ClientOptions } from 'ws';
import { outboundOptions } from './agents.js';

/** A WebSocket that trusts the authorities of `PIZZAPI_CA` and takes the proxies that the environment names. */
export class OutboundWebSocket extends WebSocket {
  constructor(url: string, protocols: string[] = [], options: ClientOptions | ClientRequestArgs = {}) {
    super(url, protocols, { ...outboundOptions(url), ...options });
  }
}
