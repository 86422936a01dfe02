import { OutboundWebSocket, outboundFetch } from '@pizzapi/process/outbound';
import { createApi, type Api, type ApiOptions } from '@pizzapi/session-client';

/** How a program on Node connects to a gateway: with the certificates and proxies that its environment names. */
export const OUTBOUND = { WebSocket: OutboundWebSocket, fetch: outboundFetch };

/** The API of a gateway for a program on Node. */
export const gatewayApi = (options: Omit<ApiOptions, 'fetch'>): Api => createApi({ ...options, fetch: outboundFetch });
