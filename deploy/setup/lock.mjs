import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { ROOT, log } from './log.mjs';

const POLL_MS = 200;
/** A lock without a process id is abandoned after this time: its owner died before it wrote the id. */
const ABANDONED_AFTER_MS = 5_000;

/** The lock is outside of the checkout, because an installation empties `node_modules`. */
const LOCK = join(
  tmpdir(),
  `pizzapi-setup-${process.getuid?.() ?? 'user'}-${createHash('sha256').update(ROOT).digest('hex').slice(0, 12)}.lock`,
);

/** Runs `work` under the lock of this checkout. Waits for another setup process, and removes the lock of a killed one. */
export async function withLock(work) {
  let isLogged = false;
  while (!take()) {
    const owner = ownerOf(LOCK);
    if (isGone(owner)) discard(owner);
    else {
      if (!isLogged) log('setup: waiting for another setup process in this checkout');
      isLogged = true;
      await delay(POLL_MS);
    }
  }
  try {
    return await work();
  } finally {
    rmSync(LOCK, { recursive: true, force: true });
  }
}

function take() {
  try {
    mkdirSync(LOCK);
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  }
  writeFileSync(join(LOCK, 'pid'), String(process.pid));
  return true;
}

/** Returns the pid of a lock; 0 before its owner wrote it, -1 for an abandoned lock, null when the lock is gone. */
function ownerOf(lock) {
  try {
    return Number(readFileSync(join(lock, 'pid'), 'utf8'));
  } catch {
    try {
      return Date.now() - statSync(lock).mtimeMs > ABANDONED_AFTER_MS ? -1 : 0;
    } catch {
      return null;
    }
  }
}

function isGone(owner) {
  if (owner === null || owner === 0) return false;
  if (owner < 0) return true;
  try {
    process.kill(owner, 0);
    return false;
  } catch (error) {
    return error.code === 'ESRCH';
  }
}

/** Removes the lock of the ended process `owner`. Restores it if another process acquired it in the meantime. */
function discard(owner) {
  const aside = `${LOCK}.${randomBytes(6).toString('hex')}`;
  try {
    renameSync(LOCK, aside);
    if (ownerOf(aside) !== owner && !isGone(ownerOf(aside))) return renameSync(aside, LOCK);
    rmSync(aside, { recursive: true, force: true });
  } catch {
    // Another process was faster; the caller checks the lock again.
  }
}
