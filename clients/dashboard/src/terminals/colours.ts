import type { ITheme } from '@xterm/xterm';

type Palette = Required<
  Pick<ITheme, 'black' | 'red' | 'green' | 'yellow' | 'blue' | 'magenta' | 'cyan' | 'white'> &
    Pick<ITheme, 'brightBlack' | 'brightRed' | 'brightGreen' | 'brightYellow'> &
    Pick<ITheme, 'brightBlue' | 'brightMagenta' | 'brightCyan' | 'brightWhite'>
>;

/** The sixteen colours of programs, to go with the page. xterm.js raises the contrast of what would be too faint. */
const DARK: Palette = {
  ...{ black: '#3b3835', red: '#f0776b', green: '#7ecf8f', yellow: '#e3b457' },
  ...{ blue: '#79b0f2', magenta: '#c99bf0', cyan: '#6cc7cf', white: '#d6d0c8' },
  ...{ brightBlack: '#8b857d', brightRed: '#ff9a8f', brightGreen: '#a2e4af', brightYellow: '#f3cd80' },
  ...{ brightBlue: '#a2cbff', brightMagenta: '#dfbcff', brightCyan: '#97e2e8', brightWhite: '#fbf8f4' },
};
const LIGHT: Palette = {
  ...{ black: '#2e2a26', red: '#b3261e', green: '#1f7a3d', yellow: '#8a5a00' },
  ...{ blue: '#1f5fb8', magenta: '#7b3fb0', cyan: '#0b6e7c', white: '#8c867e' },
  ...{ brightBlack: '#6f6961', brightRed: '#c9382c', brightGreen: '#2b8a4a', brightYellow: '#9a6a10' },
  ...{ brightBlue: '#2d6fce', brightMagenta: '#8d50c4', brightCyan: '#177e8c', brightWhite: '#57524b' },
};

/** A colour of the page as xterm.js reads it: `#rrggbb`, of whatever notation the page has it in. */
function hexOf(probe: HTMLElement, context: CanvasRenderingContext2D, name: string): string {
  probe.style.color = `var(${name})`;
  context.clearRect(0, 0, 1, 1);
  context.fillStyle = getComputedStyle(probe).color;
  context.fillRect(0, 0, 1, 1);
  const [r = 0, g = 0, b = 0] = context.getImageData(0, 0, 1, 1).data;
  return `#${[r, g, b].map((part) => part.toString(16).padStart(2, '0')).join('')}`;
}

/** The colours of the page now. `near`: an element in the terminal's place. */
export function terminalTheme(near: HTMLElement): ITheme {
  const canvas = document.createElement('canvas');
  canvas.width = canvas.height = 1;
  const context = canvas.getContext('2d', { willReadFrequently: true });
  if (context === null) return DARK;
  const probe = document.createElement('span');
  probe.hidden = true;
  near.append(probe);
  const colour = (name: string) => hexOf(probe, context, name);
  const [background, selection] = [colour('--page'), colour('--selection')];
  const theme: ITheme = {
    ...(Number.parseInt(background.slice(1, 3), 16) < 128 ? DARK : LIGHT),
    ...{ background, foreground: colour('--ink') },
    ...{ cursor: colour('--accent'), cursorAccent: background },
    ...{ selectionBackground: selection, selectionInactiveBackground: selection },
    ...{ scrollbarSliderBackground: colour('--line-strong'), scrollbarSliderHoverBackground: colour('--faint') },
    scrollbarSliderActiveBackground: colour('--muted'),
  };
  probe.remove();
  return theme;
}

/** Calls when the colours of the page change. Returns how to stop. */
export function watchColours(changed: () => void): () => void {
  const system = matchMedia('(prefers-color-scheme: dark)');
  const chosen = new MutationObserver(changed);
  chosen.observe(document.documentElement, { attributes: true, attributeFilter: ['data-theme'] });
  system.addEventListener('change', changed);
  return () => {
    chosen.disconnect();
    system.removeEventListener('change', changed);
  };
}
