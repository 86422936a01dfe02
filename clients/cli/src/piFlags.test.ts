import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isPiOptions, PI_OPTION_LIMITS, type RunnerModel } from '@pizzapi/protocol';
import { describe, expect, it } from 'vitest';
import { resolveModel } from './resolveModel.js';
import { readPiFlags } from './piFlags.js';

describe("pi's flags", () => {
  it.each<[string, object]>([
    ['', { words: [] }],
    ['--tools read,grep', { words: [], pi: { tools: ['read', 'grep'] } }],
    ['-t read -nc', { words: [], pi: { tools: ['read'], noContextFiles: true } }],
    ['--no-tools', { words: [], pi: { noTools: true } }],
    [
      '-nbt -ne -ns -np',
      expect.objectContaining({ pi: { ...all('noBuiltinTools noExtensions noSkills'), noPromptTemplates: true } }),
    ],
    [
      '--system-prompt Bake --append-system-prompt Boil --append-system-prompt=Fry',
      { words: [], pi: { systemPrompt: 'Bake', appendSystemPrompt: 'Boil\n\nFry' } },
    ],
    [
      '--provider openai --model gpt-4o --thinking high',
      { words: [], provider: 'openai', model: 'gpt-4o', thinkingLevel: 'high' },
    ],
    ['hello --no-skills', { words: ['hello'], pi: { noSkills: true } }],
  ])('%j are what a runner is told', (line, flags) => {
    const read = readPiFlags(line.split(' ').filter((word) => word !== ''));
    expect(read).toEqual(flags);
    expect(read.pi === undefined || isPiOptions(read.pi)).toBe(true);
  });

  it.each([
    ['--api-key x', 'does not take --api-key: API keys stay on the runner'],
    ['--session x', 'does not take --session. It takes --model, --provider, --thinking, --tools,'],
    ['-x', 'does not take -x'],
    ['--tools', '--tools needs a value'],
    ['--tools ,', '--no-tools is for none at all'],
    ['--no-tools=x', '--no-tools takes no value'],
    ['--thinking hard', '"hard", and is one of off, minimal'],
    ['--provider openai', '--provider needs --model'],
    ['@notes.md', '@notes.md is a file on this machine'],
    [`--system-prompt ${'x'.repeat(PI_OPTION_LIMITS.prompt + 1)}`, '--system-prompt is longer than'],
  ])('%.40j are refused by name', (line, sentence) => {
    expect(() => readPiFlags(line.split(' '))).toThrow(sentence);
  });

  it('take a prompt from a file that is named instead', () => {
    const folder = mkdtempSync(join(tmpdir(), 'pizzapi-prompt-'));
    try {
      const path = join(folder, 'prompt.md');
      writeFileSync(path, 'Be a baker.');
      expect(readPiFlags(['--system-prompt', path]).pi).toEqual({ systemPrompt: 'Be a baker.' });
      expect(readPiFlags(['--system-prompt', folder]).pi).toEqual({ systemPrompt: folder });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

function all(names: string): Record<string, true> {
  return Object.fromEntries(names.split(' ').map((name) => [name, true as const]));
}

describe('a model that is named as pi lets one name it', () => {
  const models = [
    ['openai/gpt-4o', true],
    ['azure/gpt-4o', false],
    ['a/twin', true],
    ['b/twin', true],
    ['router/openai/gpt-4o:high', true],
  ].map(([model, available]) => ({ model, available }) as RunnerModel);

  it.each([
    [{}, {}],
    [{ model: 'openai/gpt-4o' }, { model: 'openai/gpt-4o' }],
    [{ model: 'gpt-4o', provider: 'azure' }, { model: 'azure/gpt-4o' }],
    [{ model: 'azure/gpt-4o', provider: 'azure' }, { model: 'azure/gpt-4o' }],
    [{ model: 'gpt-4o' }, { model: 'openai/gpt-4o' }],
    [{ model: 'gpt-4o:high' }, { model: 'openai/gpt-4o', thinkingLevel: 'high' }],
    [{ model: 'openai/gpt-4o:low' }, { model: 'openai/gpt-4o', thinkingLevel: 'low' }],
    [{ model: 'openai/gpt-4o:high' }, { model: 'router/openai/gpt-4o:high' }],
    [{ model: 'none/such:x' }, { model: 'none/such:x' }],
  ])('%j is %j', (named, found) => {
    expect(resolveModel(named, models)).toEqual(found);
  });

  it('has to be named in full where several providers have it', () => {
    expect(() => resolveModel({ model: 'twin' }, models)).toThrow('name one of a/twin, b/twin');
  });
});
