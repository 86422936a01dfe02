import { expect, it } from 'vitest';
import { stripMarkdown } from './stripMarkdown.js';

it('a text is read without its marks, and nothing of what it says is gone', () => {
  expect(stripMarkdown('## Done\n\n> **All** tests `pass`, see [the log](https://example.com/log).')).toBe(
    'Done\n\nAll tests pass, see the log.',
  );
  expect(stripMarkdown('Issue #7 of a_b_c is 2 > 1')).toBe('Issue #7 of a_b_c is 2 > 1');
});
