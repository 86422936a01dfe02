import { defineOptions, OPTIONS } from '@pizzapi/process';

/** The options of `npm run cluster`. Its processes read their own variables too. */
export const CLUSTER_OPTIONS = defineOptions({
  home: {
    env: 'PIZZAPI_CLUSTER_HOME',
    flag: '--home <folder>',
    help: 'Folder for all state; without it a temporary folder, which is removed at the end',
    type: 'path',
  },
  port: {
    env: 'PIZZAPI_CLUSTER_PORT',
    flag: '--port <number>',
    help: 'Port of the load balancer; 0 takes a free port',
    type: 'integer',
    default: 0,
    max: 65_535,
  },
  json: {
    env: 'PIZZAPI_JSON',
    flag: '--json',
    help: 'Print one line of JSON when all is ready: { url, loginUrl, natsUrls, gateways, pids }',
    type: 'boolean',
    default: false,
  },
  logLevel: OPTIONS.logLevel,
});

/** The options of the load balancer. */
export const LOAD_BALANCER_OPTIONS = defineOptions({
  port: {
    env: 'PIZZAPI_BALANCER_PORT',
    flag: '--port <number>',
    help: 'Port to listen on at 127.0.0.1; 0 takes a free port',
    type: 'integer',
    default: 0,
    max: 65_535,
  },
  backends: {
    env: 'PIZZAPI_BALANCER_BACKENDS',
    flag: '--backends <addresses>',
    help: 'Addresses that receive the connections, host:port, separated by commas',
    type: 'string',
  },
  logLevel: OPTIONS.logLevel,
});
