import { expect, it } from 'vitest';
import { stripMarkdown } from './stripMarkdown.js';

it('the marks of Markdown are removed, and all words of the text stay', () => {
  expect(stripMarkdown('## Done\n\n> **All** tests `pass`, see [the log](https://example.com/log).')).toBe(
    'Done\n\nAll tests pass, see the log.',
  );
  expect(stripMarkdown('Issue #7 of a_b_c is 2 > 1')).toBe('Issue #7 of a_b_c is 2 > 1');
});
