import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PiOptions } from '@pizzapi/protocol';
import { describe, expect, it } from 'vitest';
import { again, run, start, tidyUpAfterEach, withExtension } from '../testing/human.js';
import { openPiSession } from './open.js';
import { hasBuiltIn, loaderOptions, toolOptions } from './piOptions.js';
import { Recorder } from './testKit.js';

tidyUpAfterEach();

const bash = { command: 'echo baked' };
const gone = (name: string) => ({ text: `Tool ${name} not found`, isError: true });

describe('the tools of a session', () => {
  it('are those that were named, and no others', async () => {
    const test = await start({ pi: { tools: ['read', 'ls'] } });
    expect(await run(test, 'bash', bash)).toEqual(gone('bash'));
    expect(await run(test, 'todo', {})).toEqual(gone('todo'));
    expect(await run(test, 'ls', {})).toMatchObject({ isError: false });
  });

  it.each<[PiOptions, { bash: boolean; todo: boolean }]>([
    [{}, { bash: true, todo: true }],
    [{ noBuiltinTools: true }, { bash: false, todo: true }],
    [{ noTools: true }, { bash: false, todo: false }],
    [
      { noTools: true, tools: ['bash'] },
      { bash: true, todo: false },
    ],
    [{ tools: ['todo'] }, { bash: false, todo: true }],
  ])('under %j are %j', async (pi, there) => {
    const test = await start({ pi });
    const ran = { bash: await run(test, 'bash', bash), todo: await run(test, 'todo', {}) };
    expect({ bash: !ran.bash.isError, todo: !ran.todo.isError }).toEqual(there);
  });

  it('are looked at before anything begins, as far as they can be known', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'pizzapi-tools-'));
    const open = (agentDir: string, isResumed = false) =>
      openPiSession({
        cwd: folder,
        agentDir,
        pi: { tools: ['raed'] },
        isResumed,
        model: 'demo/demo',
        sink: new Recorder(),
      });
    try {
      mkdirSync(join(folder, 'agent'));
      const refused = await open(join(folder, 'agent'));
      expect(refused).toMatchObject({ kind: 'refused', error: { code: 'tool_unknown' } });
      expect(refused).toHaveProperty(
        'error.message',
        expect.stringContaining('no tool "raed"; there are ask_user_question, bash'),
      );
      // An extension may bring it once it runs; a session that was there before goes on with less.
      for (const opened of [await open(withExtension('')), await open(join(folder, 'agent'), true)]) {
        expect(opened.kind).toBe('opened');
        if (opened.kind === 'opened') await opened.session.dispose();
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('that are not known (yet) are warned of', async () => {
    const test = await start({ agentDir: withExtension(''), pi: { tools: ['read', 'raed'] } });
    const [warning] = test.log.all('dialog_opened');
    expect(warning).toMatchObject({ method: 'notify', level: 'warning' });
    expect(warning!.title).toContain('There is no tool "raed"');
  });

  it('hold when the session goes on in another process', async () => {
    const before = await start({ pi: { tools: ['ls'] } });
    await run(before, 'ls', {});
    await before.session.dispose();
    expect(await run(await again(before, { pi: { tools: ['ls'] } }), 'bash', bash)).toEqual(gone('bash'));
  });
});

describe("the person's extensions", () => {
  it('are left out when they are not wanted; what PizzaPi adds stays', async () => {
    const agentDir = withExtension(`pi.on('session_start', (_event, ctx) => ctx.ui.notify('here I am'));`);
    const notified = async (pi: PiOptions) => {
      const test = await start({ agentDir, pi });
      expect(await run(test, 'todo', {})).toMatchObject({ isError: false });
      return test.log.all('dialog_opened').map(({ title }) => title);
    };
    expect(await notified({})).toEqual(['here I am']);
    expect(await notified({ noExtensions: true })).toEqual([]);
  });
});

describe('a system prompt', () => {
  it('is a text, also where a file has its name', () => {
    const folder = mkdtempSync(join(tmpdir(), 'pizzapi-prompt-'));
    const path = join(folder, 'secret');
    writeFileSync(path, 'secret');
    const { systemPromptOverride, appendSystemPromptOverride, systemPrompt, appendSystemPrompt } = loaderOptions({
      systemPrompt: path,
      appendSystemPrompt: path,
    });
    expect([systemPrompt, appendSystemPrompt]).toEqual([undefined, undefined]);
    expect(systemPromptOverride?.('pi')).toBe(path);
    expect(appendSystemPromptOverride?.(['pi'])).toEqual([path]);
    rmSync(folder, { recursive: true });
  });

  it('is left alone when nothing was said about it', () => {
    expect(loaderOptions({ noSkills: true })).toEqual({ noSkills: true });
    expect(toolOptions({})).toEqual({});
    expect(hasBuiltIn()).toBe(true);
  });
});
