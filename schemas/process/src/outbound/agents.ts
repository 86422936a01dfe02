import type { Agent } from 'node:http';
import type { SecureContext } from 'node:tls';
import { HttpsProxyAgent } from 'https-proxy-agent';
import { proxyOf } from './proxies.js';
import { trustOf } from './trust.js';

/** What a request or a WebSocket of `node:http` and of `ws` takes to reach an address. */
export interface OutboundOptions {
  agent?: Agent;
  /** The trusted authorities, for the TLS connection to the address. */
  secureContext?: SecureContext;
}

/** Returns how an address is reached: through which proxy, and with which trusted authorities. Throws `bad_option`. */
export function outboundOptions(url: string): OutboundOptions {
  const trust = trustOf();
  const proxy = proxyOf(url);
  const secure = trust === undefined ? {} : { secureContext: trust.secureContext };
  if (proxy === undefined) return secure;
  return { ...secure, agent: new HttpsProxyAgent(proxy, trust === undefined ? {} : { ca: trust.ca }) };
}
