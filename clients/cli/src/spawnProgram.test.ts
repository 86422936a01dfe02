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
  it('gets our arguments and environment, and its exit code is ours', async () => {
    const main = program("process.exit(process.argv[2] === '--x' && process.env.Y === 'y' ? 7 : 1)");
    expect(await runProgram(main, ['--x'], { ...process.env, Y: 'y' })).toBe(7);
  });

  it('that dies of a signal ends us as a shell would say it', async () => {
    expect(await runProgram(program("process.kill(process.pid, 'SIGKILL')"), [], process.env)).toBe(137);
  });

  it('is told once when we are asked to stop, and at once when asked again', async () => {
    const up = join(folder, 'up');
    const told = program(
      `import { writeFileSync } from 'node:fs';
      process.on('disconnect', () => process.exit(5)); setInterval(() => {}, 1000); writeFileSync(process.argv[2], '')`,
    );
    const first = runProgram(told, [up], process.env);
    await expect.poll(() => existsSync(up)).toBe(true);
    process.emit('SIGTERM');
    expect(await first).toBe(5);
    const deaf = runProgram(program('setInterval(() => {}, 1000)'), [], process.env);
    process.emit('SIGTERM');
    process.emit('SIGTERM');
    expect(await deaf).toBe(143);
  });

  it('that was never built is named', () => {
    expect(() => mainOf('@pizzapi/nowhere/main', './nowhere.js')).toThrow(
      /^@pizzapi\/nowhere has no .*nowhere\.js\. Build/,
    );
  });
});
