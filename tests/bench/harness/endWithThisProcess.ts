import { spawn, type ChildProcess } from 'node:child_process';

/**
 * Ends a process and removes its files when this process ends before it, such as by Ctrl-C: the standard input of the
 * guard closes then.
 */
export function endWithThisProcess(child: ChildProcess, root: string): void {
  const script =
    'read -r _; kill -TERM "$0" 2>/dev/null; while kill -0 "$0" 2>/dev/null; do sleep 0.2; done; rm -rf "$1"';
  const guard = spawn('/bin/sh', ['-c', script, String(child.pid), root], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  child.once('exit', () => guard.kill());
}
