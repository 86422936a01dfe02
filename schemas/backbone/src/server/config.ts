/** What a nats-server of ours is told; see `renderConfig`. */
export interface ServerConfig {
  /** 0 takes any free port. */
  port: number;
  storeDir: string;
  portsDir: string;
  pidFile: string;
  logFile: string;
  /** JetStream's `sync_interval`: `always`, or a duration such as `10s`. The server's own default is two minutes. */
  syncInterval?: string;
  /** Text in nats-server's configuration language that goes to the end, such as users and their permissions. */
  extra?: string;
}

/** Log bytes kept: the current file, and as many again in rotated ones. */
const LOG_FILE_BYTES = 16 * 1024 * 1024;
const LOG_FILES = 2;

/** The configuration file: one node with JetStream that only this machine can reach. */
export function renderConfig(config: ServerConfig): string {
  const sync = config.syncInterval === undefined ? [] : [`  sync_interval: ${quote(config.syncInterval)}`];
  return [
    'host: 127.0.0.1',
    // nats-server takes -1 for "any free port" and 0 for its default.
    `port: ${config.port === 0 ? -1 : config.port}`,
    `pid_file: ${quote(config.pidFile)}`,
    `ports_file_dir: ${quote(config.portsDir)}`,
    `log_file: ${quote(config.logFile)}`,
    `logfile_size_limit: ${LOG_FILE_BYTES}`,
    `logfile_max_num: ${LOG_FILES}`,
    'jetstream {',
    `  store_dir: ${quote(config.storeDir)}`,
    ...sync,
    '}',
    config.extra ?? '',
    '',
  ].join('\n');
}

/** A value as a quoted string of nats-server's configuration language: paths and passwords may hold anything. */
export function quote(value: string): string {
  return `"${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`;
}
