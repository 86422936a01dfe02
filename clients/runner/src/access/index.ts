/** What a program on this machine may reach: the gateway, its keys, and the token of a host. */
export { expiry, timeLeft } from './formatTime.js';
export {
  GATEWAY_OPTIONS,
  gatewayOf,
  gatewaySecretOf,
  isLoopback,
  keyFor,
  pageAt,
  readLocalState,
  readNatsAccess,
  type GatewayAccess,
} from './gateway.js';
export { homeOf, hostAccess, keptToken, namesNats, readRunnerToken } from './hostAccess.js';
export { readJsonMap } from './jsonFile.js';
export { lastLogin, loginAt, readLogins, relayName } from './logins.js';
export { gatewayApi, OUTBOUND } from './outbound.js';
export { removeSecrets, shareEnvironment } from './shareEnvironment.js';
export type { HostAccess, ShareEnvironment, ShareLink } from './sharing.js';
