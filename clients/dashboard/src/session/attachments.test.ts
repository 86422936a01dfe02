import { expect, it } from 'vitest';
import { fit } from './attachments.js';

it('scales an image down to what a model looks at, and never up', () => {
  expect(fit(4_000, 1_000)).toEqual({ width: 2_000, height: 500 });
  expect(fit(300, 200)).toEqual({ width: 300, height: 200 });
  expect(fit(90_000, 1)).toEqual({ width: 2_000, height: 1 });
});
