import { expect, it } from 'vitest';
import { pinnedFolders, togglePinned } from './pinnedFolders.js';

it('a folder is pinned once, whether or not a slash ends it, and is let go again', () => {
  const pinned = togglePinned(['/a'], '/b/');
  expect(pinned).toEqual(['/b', '/a']);
  expect(togglePinned(pinned, '/b')).toEqual(['/a']);
  expect(togglePinned([], '/')).toEqual(['/']);
});

it('a stored text that is no list of folders gives no folder', () => {
  for (const stored of [undefined, '', '{', '{}', '[1]']) expect(pinnedFolders(stored)).toEqual([]);
  expect(pinnedFolders('["/a"]')).toEqual(['/a']);
});
