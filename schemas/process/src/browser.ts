import { spawn } from 'node:child_process';

/** Opens an address in the person's browser. Where there is none to open, nothing happens: the link is printed anyway. */
export function openBrowser(url: string): void {
  const [command, ...args] =
    process.platform === 'darwin' ? ['open'] : process.platform === 'win32' ? ['cmd', '/c', 'start', ''] : ['xdg-open'];
  const child = spawn(command, [...args, url], { stdio: 'ignore', detached: true });
  child.on('error', () => undefined);
  child.unref();
}

/** Whether somebody sits in front of this machine's screen. */
export function hasScreen(env: NodeJS.ProcessEnv): boolean {
  if (process.stdout.isTTY !== true || env['CI'] !== undefined || env['SSH_CONNECTION'] !== undefined) return false;
  return process.platform !== 'linux' || env['DISPLAY'] !== undefined || env['WAYLAND_DISPLAY'] !== undefined;
}
