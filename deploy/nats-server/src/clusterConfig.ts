import { quote } from './config.js';

/** Settings of one node of a cluster; see `renderNode`. */
export interface NodeConfig {
  clusterName: string;
  /** The name of the node, unique in the cluster. */
  name: string;
  routePort: number;
  monitorPort: number;
  /** The ports at which this node reaches the routes of the other nodes. */
  peers: readonly number[];
  /** The password of the routes. Without it any program of this machine could join the cluster. */
  routePassword: string;
  /** Text in nats-server's configuration language, appended at the end. */
  extra?: string;
}

/** The time that a server in lame duck mode waits before it disconnects its clients. The default is ten seconds. */
const LAME_DUCK_GRACE = '500ms';
/** The time in which a server in lame duck mode disconnects its clients. The server accepts no shorter time. */
const LAME_DUCK_DURATION = '30s';
/**
 * An address at which nothing listens. Servers pass the advertised addresses of routes on, and would then reach each
 * other beside the addresses in `peers`.
 */
const NOWHERE = '127.0.0.1:1';
const ROUTE_USER = 'route';

/** Returns the text that makes one server a node of a cluster on 127.0.0.1. */
export function renderNode(node: NodeConfig): string {
  const { clusterName, name, routePort, monitorPort, peers, routePassword, extra } = node;
  const routes = peers.map((port) => quote(`nats-route://${ROUTE_USER}:${routePassword}@127.0.0.1:${port}`));
  return [
    `server_name: ${quote(name)}`,
    `http: ${quote(`127.0.0.1:${monitorPort}`)}`,
    `lame_duck_grace_period: ${quote(LAME_DUCK_GRACE)}`,
    `lame_duck_duration: ${quote(LAME_DUCK_DURATION)}`,
    'cluster {',
    `  name: ${quote(clusterName)}`,
    `  listen: ${quote(`127.0.0.1:${routePort}`)}`,
    `  advertise: ${quote(NOWHERE)}`,
    `  authorization { user: ${ROUTE_USER}, password: ${quote(routePassword)}, timeout: 10 }`,
    `  routes: [${routes.join(', ')}]`,
    '}',
    extra ?? '',
  ].join('\n');
}
