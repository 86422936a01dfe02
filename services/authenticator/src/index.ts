export * from './roles.js';
export * from './credentials.js';
export * from './natsConfig.js';
export { CROSSINGS, ACCOUNTS } from './accounts.js';
export { hostPermissions, MAX_KEPT_SESSIONS } from './permissions.js';
export { crossingsTable, permissionsTable } from './permissionsTable.js';
export { createAuthenticator } from './app.js';
export type { Authenticator, AuthenticatorOptions } from './app.js';
export { AUTHENTICATOR_OPTIONS } from './options.js';
