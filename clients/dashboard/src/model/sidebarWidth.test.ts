import { expect, it } from 'vitest';
import { SIDEBAR, sidebarWidthFor, sidebarWidthIn, widestSidebar } from './sidebarWidth.js';

it('the sidebar keeps its limits in every window', () => {
  expect(sidebarWidthIn(1440, 300.4)).toBe(300);
  expect(sidebarWidthIn(1440, 10)).toBe(SIDEBAR.min);
  expect(sidebarWidthIn(1440, 4_000)).toBe(SIDEBAR.max);
  expect(sidebarWidthIn(900, 500)).toBe(widestSidebar(900));
  expect(widestSidebar(900)).toBeLessThan(450);
  expect(sidebarWidthIn(100, 500)).toBe(SIDEBAR.min);
  expect(sidebarWidthIn(1440, Number.NaN)).toBe(SIDEBAR.usual);
});

it('arrow keys move the edge of the sidebar, Home and End go to its limits', () => {
  expect(sidebarWidthFor('ArrowRight', 280)).toBe(296);
  expect(sidebarWidthFor('ArrowLeft', 280)).toBe(264);
  expect([sidebarWidthFor('Home', 280), sidebarWidthFor('End', 280)]).toEqual([SIDEBAR.min, SIDEBAR.max]);
  expect(sidebarWidthFor('Enter', 280)).toBeUndefined();
});
