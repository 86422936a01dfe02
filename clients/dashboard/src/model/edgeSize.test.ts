import { expect, it } from 'vitest';
import { HOST_PANEL, largestSize, SIDEBAR, sizeAt, sizeFor, sizeIn } from './edgeSize.js';

it('a part of the page keeps its limits in every room', () => {
  expect(sizeIn(SIDEBAR, 1440, 300.4)).toBe(300);
  expect(sizeIn(SIDEBAR, 1440, 10)).toBe(SIDEBAR.min);
  expect(sizeIn(SIDEBAR, 1440, 4_000)).toBe(SIDEBAR.max);
  expect(sizeIn(SIDEBAR, 900, 500)).toBe(largestSize(SIDEBAR, 900));
  expect(largestSize(SIDEBAR, 900)).toBeLessThan(450);
  expect(sizeIn(SIDEBAR, 100, 500)).toBe(SIDEBAR.min);
  expect(sizeIn(SIDEBAR, 1440, Number.NaN)).toBe(SIDEBAR.usual);
  expect(sizeIn(HOST_PANEL.beside, 1160, 5_000)).toBeLessThan(1160 * 0.67);
});

it('arrow keys move an edge the way they point, Home and End go to its limits', () => {
  const sidebar = (key: string) => sizeFor(SIDEBAR, 'right', key, 280);
  expect([sidebar('ArrowRight'), sidebar('ArrowLeft')]).toEqual([296, 264]);
  expect([sidebar('Home'), sidebar('End')]).toEqual([SIDEBAR.min, SIDEBAR.max]);
  expect(sidebar('Enter')).toBeUndefined();
  const beside = (key: string) => sizeFor(HOST_PANEL.beside, 'left', key, 500);
  expect([beside('ArrowRight'), beside('ArrowLeft'), beside('ArrowUp')]).toEqual([468, 532, undefined]);
  const below = (key: string) => sizeFor(HOST_PANEL.below, 'top', key, 300);
  expect([below('ArrowUp'), below('ArrowDown'), below('ArrowLeft')]).toEqual([332, 268, undefined]);
});

it('a dragged edge is where the pointer is, on each side of its part', () => {
  const box = { left: 100, right: 700, bottom: 900 };
  expect([sizeAt('right', box, 400, 0), sizeAt('left', box, 400, 0), sizeAt('top', box, 400, 600)]).toEqual([
    300, 300, 300,
  ]);
});
