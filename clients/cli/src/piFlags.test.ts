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
    ['-a', { words: [], pi: { approve: true } }],
    ['--no-approve', { words: [], pi: { noApprove: true } }],
    ['hello --no-skills', { words: ['hello'], pi: { noSkills: true } }],
  ])('the flags %j are sent to the runner', (line, flags) => {
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
  ])('the flags %.40j are refused with their name', (line, sentence) => {
    expect(() => readPiFlags(line.split(' '))).toThrow(sentence);
  });

  it('a prompt flag that names a file takes its text from the file', () => {
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

describe('a model in any form that pi accepts', () => {
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
  ])('the model %j is resolved to %j', (named, resolved) => {
    expect(resolveModel(named, models)).toEqual(resolved);
  });

  it('a model that several providers have needs its full name', () => {
    expect(() => resolveModel({ model: 'twin' }, models)).toThrow('name one of a/twin, b/twin');
  });
});
