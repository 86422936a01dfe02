import type { ServiceSpec } from './serviceSpec.js';

/** What a service manager says of the runner. */
export interface ServiceStatus {
  manager: 'systemd' | 'launchd';
  /** The file that describes the service. */
  file: string;
  installed: boolean;
  running: boolean;
  /** Whether it starts with the machine (systemd), or when its person signs in (launchd). */
  enabled: boolean;
  pid: number | null;
  /** When it started, in ms since the epoch. */
  since: number | null;
  /** How often the service manager has started it again. */
  restarts: number | null;
  /** The last lines of its log, the oldest first. */
  log: string[];
  /** The command that shows the whole log. */
  logCommand: string;
}

/** The service manager of a person's account. Every method throws `service_failed` with what the manager says. */
export interface ServiceManager {
  /** Writes the service, starts it anew and has it start with the machine. Returns warnings. */
  install(spec: ServiceSpec): Promise<string[]>;
  /** Stops the service and removes it. False when there was none. */
  uninstall(): Promise<boolean>;
  status(): Promise<ServiceStatus>;
  /** Stops the service until it is started again. False when it does not run. */
  stop(): Promise<boolean>;
  /** The program that prints the log, with its arguments. */
  logProgram(follow: boolean): [string, ...string[]];
}
