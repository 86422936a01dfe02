import { expect, it } from 'vitest';
import { followVisibleViewport, type VisibleWindow } from './visibleViewport.js';

/** A phone of 800 pixels whose keyboard leaves some of them. */
function phone() {
  const viewport = Object.assign(new EventTarget(), { height: 800, offsetTop: 0, scale: 1 });
  const set = new Map<string, string>();
  const style = {
    setProperty: (name: string, value: string | null) => void set.set(name, value ?? ''),
    removeProperty: (name: string) => (set.delete(name), ''),
  };
  const target: VisibleWindow = {
    innerHeight: 800,
    visualViewport: viewport,
    document: { documentElement: { style } },
  };
  followVisibleViewport(target);
  const show = (change: Partial<{ height: number; offsetTop: number; scale: number }>, event = 'resize') => {
    Object.assign(viewport, change);
    viewport.dispatchEvent(new Event(event));
    return Object.fromEntries(set);
  };
  return { show };
}

it('the page is as high as what a keyboard leaves, and as before when the keyboard goes', () => {
  const { show } = phone();
  expect(show({ height: 450 })).toEqual({ '--visible-vh': '4.5px', '--visible-top': '0px', '--keyboard': '350px' });
  expect(show({ offsetTop: 100 }, 'scroll')).toMatchObject({ '--visible-top': '100px', '--keyboard': '250px' });
  expect(show({ height: 800, offsetTop: 0 })).toEqual({});
});

it('the page keeps its size while a person zooms in', () => {
  const { show } = phone();
  expect(show({ height: 400, scale: 2 })).toEqual({});
});
