import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findReadSandbox, sandboxWords } from './readSandbox.js';
import { GUARDED, PLAIN } from './testing/scripts/harmless.js';
import { HOSTILE } from './testing/scripts/hostile.js';
import { guarded, hasProgram, Traps, type Harm } from './testing/traps.js';

const sandbox = await findReadSandbox();
if (sandbox.kind === 'checked') console.warn(`SKIPPED: what runs in the sandbox, because ${sandbox.why}`);

describe('the sandbox for what only reads', () => {
  it.skipIf(process.platform !== 'linux')('is looked for where programs are, and tried', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'pizzapi-bwrap-'));
    try {
      const found = () => findReadSandbox({ PATH: folder });
      expect(await found()).toEqual({ kind: 'checked', why: 'there is no bwrap on the PATH' });
      const program = join(folder, 'bwrap');
      writeFileSync(program, '#!/bin/sh\necho "bwrap: No permissions to create a new namespace" >&2\nexit 1\n');
      chmodSync(program, 0o755);
      expect(await found()).toEqual({
        kind: 'checked',
        why: `${program} does not start (bwrap: No permissions to create a new namespace)`,
      });
      writeFileSync(program, '#!/bin/sh\nexit 0\n');
      expect(await found()).toEqual({ kind: 'enforced', program });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

/** What their output depends on is not the folder alone. */
const VOLATILE = /^(ps|env|df|du|date|uptime|free|ls -la \/|cd \.\.|id|whoami|printenv|stat notes)/;

describe.skipIf(sandbox.kind === 'checked')('in the sandbox', () => {
  let traps: Traps;
  beforeAll(async () => {
    traps = await Traps.build();
  });
  afterAll(() => traps.clear());
  const inSandbox = guarded((cwd) => (sandbox.kind === 'enforced' ? sandboxWords(sandbox.program, cwd) : []));

  const runnable = HOSTILE.filter(
    ({ unrun, needs }) => unrun === undefined && (needs === undefined || hasProgram(needs)),
  );
  it.each(runnable.map(({ script }) => script))('nothing is written and nobody reached by: %s', async (script) => {
    expect(await traps.runHarmless(script, inSandbox)).toMatchObject({ changed: [], connections: 0 });
  });

  it.each([...PLAIN, ...GUARDED].filter((script) => !VOLATILE.test(script)))(
    'it reads the same: %s',
    async (script) => {
      const outside = await traps.runHarmless(script, guarded());
      const inside = await traps.runHarmless(script, inSandbox);
      expect(inside).toMatchObject({ changed: [], ran: '', connections: 0 });
      // The two outputs of a program come in no certain order. `git blame` prints the current time for lines without a commit.
      const lines = ({ output }: Harm) =>
        output
          .replace(/\d\d:\d\d:\d\d/g, 'hh:mm:ss')
          .split('\n')
          .sort();
      expect(lines(inside)).toEqual(lines(outside));
    },
  );

  it('works in a folder behind a link, and in one below what is hidden', () => {
    const folder = mkdtempSync(join(tmpdir(), 'pizzapi-place-'));
    const hidden = mkdtempSync('/dev/shm/pizzapi-place-');
    const link = join(folder, 'link');
    mkdirSync(join(folder, 'real'));
    symlinkSync(join(folder, 'real'), link);
    try {
      for (const cwd of [link, join(folder, 'real'), hidden, '/', '/dev']) {
        const [program, ...args] = sandboxWords(sandbox.kind === 'enforced' ? sandbox.program : '', cwd);
        const script = 'pwd; touch here 2>/dev/null && echo written';
        const said = spawnSync(program!, [...args, '/bin/sh', '-c', script], { encoding: 'utf8' });
        // The devices are those of the sandbox.
        expect(said.stdout, said.stderr).toBe(cwd === '/dev' ? '/dev\nwritten\n' : `${cwd}\n`);
      }
    } finally {
      for (const path of [folder, hidden]) rmSync(path, { recursive: true });
    }
    expect(existsSync('/dev/here')).toBe(false);
  });

  it('services of the machine are out of reach, and other processes out of sight', async () => {
    const says = async (script: string) => (await traps.runHarmless(script, inSandbox)).output;
    expect(await says('ls -A /run')).toBe('');
    const processes = (await says('ps -e -o pid=')).trim().split('\n');
    // What a command says on its two outputs has no order between them.
    expect(processes).toContain('ps: only processes of this command can be seen while commands may only read');
    expect(processes.length).toBeLessThan(7);
  });
});
