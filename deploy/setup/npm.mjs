import { run } from './run.mjs';

/** Runs the npm that started this process, or the one on PATH, and resolves to `{ code, output }`. */
export function npm(args, { what }) {
  const path = process.env.npm_execpath;
  const isNpm = path !== undefined && /npm-cli\.c?js$/.test(path);
  const [command, first] = isNpm ? [process.execPath, [path]] : [process.platform === 'win32' ? 'npm.cmd' : 'npm', []];
  return run(command, [...first, ...args], { quiet: true, what });
}
