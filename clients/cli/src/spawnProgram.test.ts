import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { mainOf, runProgram } from './spawnProgram.js';

let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'pizzapi-child-'))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function program(source: string): string {
  const file = join(folder, 'main.mjs');
  writeFileSync(file, source);
  return file;
}

describe('a program that runs in our place', { timeout: 60_000 }, () => {
  it('a child program gets our arguments and environment, and its exit code becomes ours', async () => {
    const main = program("process.exit(process.argv[2] === '--x' && process.env.Y === 'y' ? 7 : 1)");
    expect(await runProgram(main, ['--x'], { ...process.env, Y: 'y' })).toBe(7);
  });

  it('the death of a child program by a signal becomes the exit code that a shell would use', async () => {
    expect(await runProgram(program("process.kill(process.pid, 'SIGKILL')"), [], process.env)).toBe(137);
  });

  it('a child program is told to stop once after a delay, and at once when we are signalled again', async () => {
    const up = join(folder, 'up');
    const stopping = program(
      `import { writeFileSync } from 'node:fs';
      process.on('disconnect', () => process.exit(5)); setInterval(() => {}, 1000); writeFileSync(process.argv[2], '')`,
    );
    const first = runProgram(stopping, [up], process.env);
    await expect.poll(() => existsSync(up)).toBe(true);
    process.emit('SIGTERM');
    expect(await first).toBe(5);
    const ignoring = runProgram(program('setInterval(() => {}, 1000)'), [], process.env);
    process.emit('SIGTERM');
    process.emit('SIGTERM');
    expect(await ignoring).toBe(143);
  });

  it('a program that was never built is named in the error', () => {
    expect(() => mainOf('@pizzapi/nowhere/main')).toThrow(/^@pizzapi\/nowhere is not installed\. Build/);
  });

  it('a program that a package for hosts leaves out is an error that says where it is', () => {
    expect(() => mainOf('@pizzapi/nowhere/main', 'relay_not_included')).toThrow(/hosts sessions for a relay/);
  });
});
