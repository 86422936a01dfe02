import { READY_MESSAGE, silentLogger } from '@pizzapi/process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SupervisedProcess } from './supervisedProcess.js';

let folder: string;
const running: SupervisedProcess[] = [];
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'pizzapi-supervised-'))));
afterEach(async () => {
  await Promise.all(running.splice(0).map((one) => one.stop()));
  rmSync(folder, { recursive: true, force: true });
});

/** A process that announces that it is ready when the file `go` exists. */
const ANNOUNCER = `
  import { existsSync } from 'node:fs';
  setInterval(() => existsSync(process.argv[2]) && process.send('${READY_MESSAGE}'), 10);
`;

function create(name: string, code: string, after?: SupervisedProcess) {
  const main = join(folder, `${name}.mjs`);
  writeFileSync(main, code);
  let onStart = () => {};
  const started = new Promise<void>((resolve) => (onStart = resolve));
  const supervised = new SupervisedProcess({
    ...{ name, main, args: [join(folder, 'go')], env: { PATH: process.env['PATH'] }, log: silentLogger, onStart },
    ...(after === undefined ? {} : { after }),
    logFile: join(folder, `${name}.log`),
  });
  running.push(supervised);
  return { supervised, started };
}

describe('a supervised process that starts after another one', () => {
  it('starts when the other one has announced that it is ready', async () => {
    const first = create('first', ANNOUNCER);
    const second = create('second', 'setInterval(() => {}, 1_000);', first.supervised);
    const runs = [first.supervised.run(), second.supervised.run()];
    await first.started;
    expect(second.supervised.pid).toBeUndefined();
    writeFileSync(join(folder, 'go'), '');
    await second.started;
    expect(second.supervised.pid).toBeGreaterThan(0);
    await Promise.all([second.supervised.stop(), first.supervised.stop(), ...runs]);
  });

  it('never starts when it is stopped before', async () => {
    const first = create('first', ANNOUNCER);
    const second = create('second', '', first.supervised);
    const runs = [first.supervised.run(), second.supervised.run()];
    await first.started;
    await second.supervised.stop();
    await runs[1];
    expect(second.supervised.pid).toBeUndefined();
    await first.supervised.stop();
    await runs[0];
  });
});
