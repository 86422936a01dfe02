import { expect, it } from 'vitest';
import { firstChoice } from './folderChoice.js';

const FOLDERS = ['/home/ada/code', '/home/ada/code-old'];

it('is the first suggestion for a half-typed path, and none for the path of a folder', () => {
  expect(firstChoice('/home/ada/co', FOLDERS)).toBe(0);
  expect(firstChoice('/home/ada/wrok', [])).toBe(-1);
  for (const whole of ['/home/ada/code', '/home/ada/', '~', '']) expect(firstChoice(whole, FOLDERS), whole).toBe(-1);
});
