import { expect, it } from 'vitest';
import { keySource } from './keySource.js';

it('the source of a key is named in words, also one that this version does not know', () => {
  expect(['models_json_key', 'environment', 'new_kind'].map(keySource)).toEqual([
    'models.json',
    'environment variable',
    'new kind',
  ]);
});
