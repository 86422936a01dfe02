import { expect, it } from 'vitest';
import { modelInfoOf, modelText } from './modelInfo.js';

it('a model has two forms that are the same', () => {
  for (const model of ['demo/demo', 'openrouter/anthropic/claude']) expect(modelText(modelInfoOf(model))).toBe(model);
  expect(modelInfoOf('openrouter/anthropic/claude', 'Claude')).toEqual({
    ...{ provider: 'openrouter', id: 'anthropic/claude', name: 'Claude' },
  });
  expect(modelText('demo/demo')).toBe('demo/demo');
  expect(modelText(null)).toBe('');
  for (const text of ['', 'demo', '/demo', 'demo/']) expect(modelInfoOf(text)).toBeNull();
});
