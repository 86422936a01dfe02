import {
  inheritedEnvironment,
  nodeFlags,
  pageFolders,
  programPath,
  secretTexts,
  SupervisedProcess,
  type Home,
  type LocalProgram,
  type NatsAccess,
  type SupervisedProcessOptions,
} from '@pizzapi/local';
import type { Logger } from '@pizzapi/process';
import { isWebSocketAddress } from '@pizzapi/protocol';
import { otherRelease } from './otherRelease.js';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chartEnvironment } from './chartEnvironment.js';

/** The programs of this package, in the folder of its entry file. */
const own = (file: string): string =>
  join(dirname(fileURLToPath(import.meta.resolve('@pizzapi/cluster'))), 'bundle', file);

/** How many of each program run. */
const COPIES = 2;

/** Where the processes of a cluster listen, on 127.0.0.1. */
export interface ClusterPorts {
  balancer: number;
  gateways: readonly number[];
  /** The port of `/readyz` and `/metrics` of each process that has such a port. */
  health: readonly number[];
}

export interface ClusterProcessesOptions {
  home: Home;
  access: NatsAccess;
  /** The secret of the gateways. */
  gatewaySecret: Buffer;
  /** The addresses for NATS over WebSocket, joined by commas. */
  webSocketUrl: string;
  partitions: number;
  ports: ClusterPorts;
  env: NodeJS.ProcessEnv;
  log: Logger;
  /** Called with the name and the id of each process that starts. */
  onStart: (name: string, pid: number) => void;
}

/** One process of a cluster, and the address of its `/readyz`, if it has one. */
export interface ClusterProcess {
  supervised: SupervisedProcess;
  health?: string;
}

/** The programs that run twice, in starting order. */
const PROGRAMS = ['authenticator', 'projector', 'gateway', 'runner'] as const satisfies readonly LocalProgram[];

/** Returns the number of ports for `ClusterPorts.health`. */
export const HEALTH_PORTS = PROGRAMS.length * COPIES;

/**
 * Returns the processes beside nats-server in starting order, without starting them. They stop in the reverse order: the
 * load balancer stops after the gateways, so that viewers receive the reason of the gateways.
 */
export function createClusterProcesses(options: ClusterProcessesOptions): ClusterProcess[] {
  const { home, ports } = options;
  const services = PROGRAMS.flatMap((program) =>
    Array.from({ length: COPIES }, (_, index) => ({ program, index, name: `${program}-${index + 1}` })),
  ).map(({ program, index, name }, at): ClusterProcess => {
    const health = ports.health[at]!;
    const main = programPath(program);
    const environment = environmentOf(options, program, index, health);
    return {
      supervised: supervise(options, name, main, environment, {
        nodeFlags: nodeFlags(program),
        instead: () => otherRelease(home.root, name, program, environment),
      }),
      health: `http://127.0.0.1:${health}`,
    };
  });
  const balancer = supervise(options, 'load-balancer', own('loadBalancerMain.js'), {
    PATH: options.env['PATH'],
    PIZZAPI_HOME: home.root,
    PIZZAPI_BALANCER_PORT: String(ports.balancer),
    PIZZAPI_BALANCER_BACKENDS: ports.gateways.map((port) => `127.0.0.1:${port}`).join(','),
  });
  const gateways = services.findIndex(({ supervised }) => supervised.name.startsWith('gateway'));
  return [...services.slice(0, gateways), { supervised: balancer }, ...services.slice(gateways)];
}

/** Returns the process that provisions the nodes and ends. */
export function createProvisioning(
  options: Pick<ClusterProcessesOptions, 'home' | 'access' | 'gatewaySecret' | 'env' | 'log' | 'partitions'>,
): SupervisedProcess {
  const { home, access, gatewaySecret, partitions, env } = options;
  const environment = chartEnvironment('provision', {
    name: 'provision',
    inherited: { PATH: env['PATH'] },
    image: { PIZZAPI_HOME: home.root },
    here: {
      PIZZAPI_NATS_URL: access.url,
      PIZZAPI_PARTITIONS: String(partitions),
      // The disk of this machine is not that of a server of production.
      PIZZAPI_LOG_STORAGE: undefined,
      PIZZAPI_FILE_STORAGE: undefined,
    },
    secrets: secretsOf(access, gatewaySecret),
  });
  return supervise({ ...options, onStart: () => undefined }, 'provision', own('provisionMain.js'), environment);
}

/** The address of the load balancer, at which people and programs reach the gateways. */
export function balancerUrl(port: number): string {
  return `http://127.0.0.1:${port}`;
}

function supervise(
  { home, log, onStart }: Pick<ClusterProcessesOptions, 'home' | 'log' | 'onStart'>,
  name: string,
  main: string,
  env: NodeJS.ProcessEnv,
  more: Pick<SupervisedProcessOptions, 'nodeFlags' | 'instead'> = {},
): SupervisedProcess {
  return new SupervisedProcess({
    ...{ name, main, env, log, ...more },
    logFile: join(home.logs, `${name}.log`),
    onStart: (pid) => pid !== undefined && onStart(name, pid),
  });
}

/**
 * Returns the environment of one process: what the chart renders for its pods, with the addresses of this machine. Each runner has
 * a home of its own, because its identity is in it.
 */
function environmentOf(
  { home, access, gatewaySecret, webSocketUrl, partitions, ports, env }: ClusterProcessesOptions,
  program: LocalProgram,
  index: number,
  healthPort: number,
): NodeJS.ProcessEnv {
  const { runnerToken } = access;
  const name = `${program}-${index + 1}`;
  return chartEnvironment(program, {
    name,
    // With a public address a gateway has no other ones.
    inherited: { ...inheritedEnvironment(program, env), PIZZAPI_LAN: '' },
    image: { PIZZAPI_HOME: home.root, ...(program === 'gateway' ? pageFolders() : {}) },
    here: {
      PIZZAPI_HOST: '127.0.0.1',
      PIZZAPI_PORT: String(ports.gateways[index]),
      PIZZAPI_HEALTH_HOST: '127.0.0.1',
      PIZZAPI_HEALTH_PORT: String(healthPort),
      PIZZAPI_PUBLIC_URL: balancerUrl(ports.balancer),
      PIZZAPI_NATS_URL: (ofChart) => (isWebSocketAddress(ofChart) ? webSocketUrl : access.url),
      PIZZAPI_NATS_WEBSOCKET_URL: webSocketUrl,
      PIZZAPI_PARTITIONS: String(partitions),
      // A runner of this machine works for the user of this machine.
      ...(program === 'runner' ? { PIZZAPI_HOME: join(home.root, name) } : {}),
      HOME: env['HOME'],
      PIZZAPI_ROOTS: env['PIZZAPI_ROOTS'],
    },
    secrets: { ...secretsOf(access, gatewaySecret), token: runnerToken },
  });
}

/** The credentials by the keys of the Secret. The nodes have a password of their own for their routes. */
function secretsOf({ users }: NatsAccess, gatewaySecret: Buffer): Record<string, string> {
  return secretTexts({ users, gatewaySecret: gatewaySecret.toString('base64url'), routePassword: '' });
}
