import { spawn } from 'node:child_process';
import type { Socket } from 'node:net';

/**
 * Ends `pid` (SIGTERM) when this process dies, however it dies, and returns what calls that off.
 *
 * A shell reads from a pipe whose other end only this process holds: the kernel closes it with the process, a
 * `kill -9` included. The server itself runs in its own process group, so that a signal to ours leaves the order of
 * stopping to us: first whoever writes to the log, then the log.
 */
export function tieToThisProcess(pid: number): () => void {
  const guard = spawn('/bin/sh', ['-c', 'read -r _; kill -TERM "$0" 2>/dev/null', String(pid)], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  guard.on('error', () => {});
  guard.stdin.on('error', () => {});
  guard.unref();
  // A pipe that keeps the event loop alive would keep a finished process from ending.
  (guard.stdin as Socket).unref();
  return () => {
    guard.kill('SIGKILL');
    guard.stdin.destroy();
  };
}
