export { startSecuredNats } from './securedNats.js';
export type { SecuredNats } from './securedNats.js';
export { say, talk } from './rawClient.js';
export type { RawLogin } from './rawClient.js';
