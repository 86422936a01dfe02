export { startSecuredCluster, startSecuredNats } from './securedNats.js';
export type { SecuredCluster, SecuredNats } from './securedNats.js';
export { TestHosts } from './hosts.js';
export type { TestRunner, HostedTestSession } from './hosts.js';
export { say, talk } from './rawClient.js';
export type { RawLogin } from './rawClient.js';
