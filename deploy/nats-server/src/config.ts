/** Settings of one nats-server; see `renderConfig`. */
export interface ServerConfig {
  /** 0 selects any free port. */
  port: number;
  /** Port for NATS over WebSocket without TLS on the same address; 0 selects any free port. Default: no such port. */
  webSocketPort?: number | undefined;
  storeDir: string;
  portsDir: string;
  pidFile: string;
  logFile: string;
  /** JetStream's `sync_interval`: `always`, or a duration such as `10s`. The server's own default is two minutes. */
  syncInterval?: string;
  /** Text in nats-server's configuration language, appended at the end, such as users and their permissions. */
  extra?: string;
}

/** Limits of the log: the size of one file, and the number of rotated files. */
const LOG_FILE_BYTES = 16 * 1024 * 1024;
const LOG_FILES = 2;

/** Returns the text of the configuration file: one node with JetStream that listens on 127.0.0.1 only. */
export function renderConfig(config: ServerConfig): string {
  const sync = config.syncInterval === undefined ? [] : [`  sync_interval: ${quote(config.syncInterval)}`];
  return [
    'host: 127.0.0.1',
    // nats-server reads -1 as "any free port" and 0 as its default port.
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
    ...webSocketConfig(config.webSocketPort),
    config.extra ?? '',
    '',
  ].join('\n');
}

/** TLS ends at the gateway or at a proxy. Compression costs more than it saves, and pages are refused before. */
function webSocketConfig(port: number | undefined): string[] {
  if (port === undefined) return [];
  return [
    'websocket {',
    `  listen: "127.0.0.1:${port === 0 ? -1 : port}"`,
    '  no_tls: true',
    '  compression: false',
    '}',
  ];
}

/** Returns a value as a quoted string of nats-server's configuration language. Paths and passwords may hold any character. */
export function quote(value: string): string {
  return `"${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`;
}
