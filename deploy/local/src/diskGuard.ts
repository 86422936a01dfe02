import { formatBytes } from '@pizzapi/protocol';
import type { Logger } from '@pizzapi/process';
import { statfs } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';

const MIB = 1024 ** 2;
/** With less free space than this a write of nats-server may fail: an event has up to 1 MiB, and others write too. */
export const FULL_BYTES = 8 * MIB;
/** nats-server is restarted when so much is free again; on a small disk an eighth of it. */
const ROOM_BYTES = 32 * MIB;
const POLL_MS = 1_000;

export interface DiskGuardOptions {
  /** The folder of nats-server's store. */
  folder: string;
  log: Logger;
  /** Restarts nats-server on its store. */
  restart: () => Promise<void>;
  signal: AbortSignal;
}

/** What a disk holds, in bytes. */
export interface DiskSpace {
  free: number;
  total: number;
}

export async function diskSpace(folder: string): Promise<DiskSpace> {
  const { bavail, bsize, blocks } = await statfs(folder);
  return { free: bavail * bsize, total: blocks * bsize };
}

/** Whether a disk that was full has enough room again. */
export function hasRoom({ free, total }: DiskSpace): boolean {
  return free >= Math.min(ROOM_BYTES, Math.max(2 * FULL_BYTES, total / 8));
}

/**
 * Watches the disk of nats-server until the signal aborts. A nats-server whose write failed refuses every later write
 * to that stream, until it is restarted: so it is restarted once there is room. What it confirmed is on the disk.
 */
export async function guardDisk({ folder, log, restart, signal }: DiskGuardOptions): Promise<void> {
  let isFull = false;
  while (!signal.aborted) {
    const space = await diskSpace(folder).catch(() => undefined);
    if (space !== undefined && !isFull && space.free < FULL_BYTES) {
      isFull = true;
      const what = `disk full: ${formatBytes(space.free)} free for ${folder}; new events and inputs are not stored`;
      log.error({ code: 'disk_full', ...space }, `${what}. Free space: nats-server is restarted then`);
    } else if (space !== undefined && isFull && hasRoom(space)) {
      log.warn({ ...space }, 'the disk has room again; restarting nats-server');
      await restart();
      isFull = false;
    }
    await delay(POLL_MS, undefined, { signal }).catch(() => undefined);
  }
}
