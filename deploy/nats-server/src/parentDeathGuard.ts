import { spawn } from 'node:child_process';
import type { Socket } from 'node:net';

/**
 * Sends SIGTERM to `pid` when this process ends, for any reason. Returns a function that cancels this.
 *
 * A shell reads from a pipe whose other end only this process holds. The kernel closes the pipe when this process ends,
 * including by SIGKILL. The server runs in a process group of its own: a signal to our group does not reach it, so that
 * this process can stop the writers first and then the server.
 */
export function endWithThisProcess(pid: number): () => void {
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
