import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { ROOT, say } from './say.mjs';

const POLL_MS = 200;
/** A lock whose owner wrote no name within this time was left by one that died just then. */
const NAMELESS_AFTER_MS = 5_000;

/** Beside the checkout's own files nothing is safe: installing empties `node_modules`. */
const LOCK = join(
  tmpdir(),
  `pizzapi-setup-${process.getuid?.() ?? 'user'}-${createHash('sha256').update(ROOT).digest('hex').slice(0, 12)}.lock`,
);

/** Does `work` while no other set-up of this checkout does; waits for the other one, and outlives one that was killed. */
export async function withLock(work) {
  let told = false;
  while (!take()) {
    const owner = ownerOf(LOCK);
    if (isGone(owner)) discard(owner);
    else {
      if (!told) say('setup: waiting for another one that is at work in this checkout');
      told = true;
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

/** The pid that holds a lock; 0 when it has not written it yet, null when the lock is not there any more. */
function ownerOf(lock) {
  try {
    return Number(readFileSync(join(lock, 'pid'), 'utf8'));
  } catch {
    try {
      return Date.now() - statSync(lock).mtimeMs > NAMELESS_AFTER_MS ? -1 : 0;
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

/** Removes the lock of `owner`, who is gone; gives it back when somebody else has taken it over in the meantime. */
function discard(owner) {
  const aside = `${LOCK}.${randomBytes(6).toString('hex')}`;
  try {
    renameSync(LOCK, aside);
    if (ownerOf(aside) !== owner && !isGone(ownerOf(aside))) return renameSync(aside, LOCK);
    rmSync(aside, { recursive: true, force: true });
  } catch {
    // Another process was faster; the next look at the lock tells.
  }
}
