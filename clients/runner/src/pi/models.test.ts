import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { listModels } from './models.js';

let agentDir: string;
beforeEach(() => {
  agentDir = mkdtempSync(join(tmpdir(), 'pizzapi-models-'));
  for (const name of Object.keys(process.env)) if (/_(API_KEY|TOKEN)$/.test(name)) vi.stubEnv(name, undefined);
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(agentDir, { recursive: true });
});

it('without a key there is the demo model, and it is where a session starts', async () => {
  const { models, defaultModel } = await listModels(agentDir);
  expect(models.map(({ model, available }) => ({ model, available }))).toContainEqual({
    model: 'demo/demo',
    available: true,
  });
  expect(defaultModel).toBe('demo/demo');
});

it('a person’s own endpoint is listed and, as their default, chosen', async () => {
  const model = { id: 'local/one', name: 'One' };
  const provider = { baseUrl: 'http://127.0.0.1:1/v1', api: 'openai-completions', apiKey: 'x', models: [model] };
  writeFileSync(join(agentDir, 'models.json'), JSON.stringify({ providers: { mine: provider } }));
  writeFileSync(join(agentDir, 'settings.json'), '{"defaultProvider":"mine","defaultModel":"local/one"}');
  const { models, defaultModel } = await listModels(agentDir);
  expect(models.map((m) => m.model)).toEqual(expect.arrayContaining(['mine/local/one', 'demo/demo']));
  expect(defaultModel).toBe('mine/local/one');
});

it('models without a key are listed on request only', async () => {
  const { models } = await listModels(agentDir);
  const { models: all } = await listModels(agentDir, { all: true });
  expect(models.every((model) => model.available)).toBe(true);
  expect(all.length).toBeGreaterThan(models.length);
});
