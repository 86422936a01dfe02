export { launchNatsCluster } from './cluster.js';
export type { ClusterOptions, NatsCluster } from './cluster.js';
export type { ClusterNode, MetaGroup } from './clusterNode.js';
export { quote as quoteConfig } from './config.js';
export { findFreePort, findFreePorts, randomPort } from './freePorts.js';
export { launchNatsServer } from './launch.js';
export type { Exit, LaunchOptions, NatsServer } from './launch.js';
export {
  describeFailedSources,
  natsServerSources,
  obtainNatsServer,
  planNatsServer,
  requireNatsServer,
} from './obtain.js';
export type { FailedSource, NatsServerSearch } from './obtain.js';
export { processContext } from './source.js';
export type { InstallContext, InstallPlan, Obtained, Source } from './source.js';
export { MINIMUM_VERSION, inspect as inspectNatsServer, isNewEnough } from './version.js';
