/** The gateway: HTTP, WebSockets and the dashboard, over the backbone. Stateless but for what it caches. */
export { createGateway } from './app.js';
export type { Gateway, GatewayOptions, GatewayParts } from './gateway.js';
export { GATEWAY_OPTIONS } from './options.js';
export { ROOM_LIMITS } from './room/limits.js';
export type { RoomLimits } from './room/limits.js';
