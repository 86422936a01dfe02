/**
 * How programs of ours reach another machine: over which proxy, and trusting which certificates. Apart from the rest of
 * this package, so that only programs that connect to others load it.
 */
export { outboundOptions } from './agents.js';
export type { OutboundOptions } from './agents.js';
export { outboundFetch } from './fetch.js';
export { certificateProblem, connectProblem } from './problem.js';
export type { ConnectProblem } from './problem.js';
export { namesProxy, proxyOf, shownProxy } from './proxies.js';
export { OutboundWebSocket } from './socket.js';
export { trustOf } from './trust.js';
