export { LoadBalancer, type LoadBalancerOptions } from './loadBalancer.js';
export { CLUSTER_OPTIONS, LOAD_BALANCER_OPTIONS } from './options.js';
export { RELEASES_FILE } from './otherRelease.js';
export { parseClusterState, readClusterState, type ClusterState } from './state.js';
