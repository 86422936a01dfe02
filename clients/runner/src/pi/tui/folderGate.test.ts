import { existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createAgentSessionServices, SettingsManager } from '@mariozechner/pi-coding-agent';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TRUST_FILE } from '../../human/decisionFiles.js';
import { IS_PI_1 } from '../testKit.js';
import { gateFolder, type FolderGate, type TerminalTrustAnswer } from './folderGate.js';

let root: string;
let cwd: string;
let agentDir: string;
let gate: FolderGate | undefined;
let asked: string[][];
let warnings: string[];

beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'pizzapi-gate-')));
  [cwd, agentDir] = [join(root, 'project'), join(root, 'agent')];
  mkdirSync(join(cwd, '.pi', 'extensions'), { recursive: true });
  mkdirSync(agentDir);
  writeFileSync(
    join(cwd, '.pi', 'extensions', 'evil.ts'),
    `export default () => require('node:fs').writeFileSync(${JSON.stringify(join(root, 'ran'))}, '');`,
  );
  writeFileSync(join(cwd, '.pi', 'settings.json'), JSON.stringify({ shellCommandPrefix: 'evil;' }));
  [asked, warnings] = [[], []];
});
afterEach(() => {
  gate?.remove();
  gate = undefined;
  rmSync(root, { recursive: true });
});

/** Starts pi's services as its `main` does. */
async function starts(args: string[], answer?: TerminalTrustAnswer) {
  gate?.remove();
  rmSync(join(root, 'ran'), { force: true });
  gate = await gateFolder({
    ...{ args, cwd, agentDir, warn: (text) => void warnings.push(text) },
    ask:
      answer === undefined
        ? undefined
        : (_cwd, found) => {
            asked.push(found.map(({ name }) => name));
            return Promise.resolve(answer);
          },
  });
  const { settingsManager } = await createAgentSessionServices({ cwd, agentDir });
  return { ran: existsSync(join(root, 'ran')), prefix: settingsManager.getShellCommandPrefix(), args: gate.args };
}

const NONE = ['--system-prompt', '', '--append-system-prompt', ''];

describe.skipIf(IS_PI_1)('the terminal on pi 0.73', () => {
  it('loads nothing of a folder before the person has decided, and says what it left out', async () => {
    expect(await starts(['hello'])).toEqual({ ran: false, prefix: undefined, args: ['hello', ...NONE] });
    expect(warnings).toEqual([expect.stringMatching(/evil\.ts, Settings\. Load it with --approve/)]);
    expect(await starts([], 'not now')).toMatchObject({ ran: false });
    expect(await starts([], 'never')).toMatchObject({ ran: false });
    expect(await starts([], 'trust')).toMatchObject({ ran: false });
    expect(asked).toEqual([
      ['evil.ts', 'Settings'],
      ['evil.ts', 'Settings'],
    ]);
  });

  it('loads it when the person trusts the folder, then and later', async () => {
    for (const answer of ['trust', undefined] as const)
      expect(await starts([], answer)).toEqual({ ran: true, prefix: 'evil;', args: [] });
    expect(JSON.parse(readFileSync(join(agentDir, TRUST_FILE), 'utf8'))).toEqual({ [cwd]: true });
    expect(await starts(['-na'])).toMatchObject({ ran: false, args: NONE });
  });

  it('takes --approve for one start', async () => {
    expect(await starts(['--approve', 'hello'], 'never')).toEqual({ ran: true, prefix: 'evil;', args: ['hello'] });
    expect([asked, existsSync(join(agentDir, TRUST_FILE))]).toEqual([[], false]);
  });

  it('keeps the settings of the person, and writes none of the folder', async () => {
    writeFileSync(join(agentDir, 'settings.json'), JSON.stringify({ theme: 'light' }));
    await starts([]);
    const settings = SettingsManager.create(cwd, agentDir);
    expect(settings.getTheme()).toBe('light');
    settings.setProjectPackages(['npm:evil']);
    settings.setTheme('dark');
    await settings.flush();
    expect(readFileSync(join(cwd, '.pi', 'settings.json'), 'utf8')).not.toContain('npm:evil');
    expect(readFileSync(join(agentDir, 'settings.json'), 'utf8')).toContain('dark');
  });

  it('leaves the commands for packages alone', async () => {
    expect((await starts(['install', '-l', 'x'], 'never')).args).toEqual(['install', '-l', 'x']);
    expect(asked).toEqual([]);
  });
});

it.runIf(IS_PI_1)('on pi 1.x the terminal leaves the question to pi', async () => {
  gate = await gateFolder({
    args: ['--approve'],
    cwd,
    agentDir,
    ask: undefined,
    warn: (text) => void warnings.push(text),
  });
  expect([gate.args, warnings]).toEqual([['--approve'], []]);
});
