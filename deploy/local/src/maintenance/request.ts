import type { BACKUP_OPTIONS, RESTORE_OPTIONS } from '@pizzapi/backbone';
import { packageVersion, type OptionValues } from '@pizzapi/process';
import { spokenVersion } from '@pizzapi/protocol';
import type { StoreContext } from '../withStore.js';

/** What the program that `pizzapi backup`, `restore`, `archive` and `open` run is asked to do. */
export type MaintenanceRequest =
  | { command: 'backup'; to: string; verify: boolean }
  | { command: 'restore'; from: string; verify: boolean; tombstones?: string }
  | { command: 'archive'; sid?: string; olderThanMs?: number; to: string; keep: boolean }
  | { command: 'open'; file: string; userId: string };
export type RequestOf<C extends MaintenanceRequest['command']> = Extract<MaintenanceRequest, { command: C }>;

/** What the program prints: lines for people, and the same as JSON. */
export interface MaintenanceOutcome {
  lines: string[];
  json: Record<string, unknown>;
  /** A part of the request failed; the lines name it. */
  isPartial?: boolean;
}

export interface MaintenanceContext extends StoreContext {
  stdin: AsyncIterable<Uint8Array | string>;
  stdout: NodeJS.WritableStream;
}

export type MaintenanceOptions = OptionValues<typeof RESTORE_OPTIONS>;

/** The name for a pipe. */
export const PIPE = '-';

const { version: product, wire } = spokenVersion(packageVersion(import.meta.url));
/** What a backup says of the program that made it. */
export const SPOKEN = { product, wire };

/** How a command reaches the store of an installation. */
export const storeOf = ({ home, natsUrl, adminNkey }: OptionValues<typeof BACKUP_OPTIONS>, command: string) => ({
  ...{ home, natsUrl, adminNkey, name: `pizzapi-${command}` },
});
