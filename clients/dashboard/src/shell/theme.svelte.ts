import { storage } from '../state/storage.js';

export type Theme = 'system' | 'light' | 'dark';
const ORDER: readonly Theme[] = ['system', 'light', 'dark'];

/** The colours of the page: the system's, or what the person chose. `public/theme.js` applies it before the first paint. */
class ThemeState {
  value = $state<Theme>(read());

  next(): void {
    this.set(ORDER[(ORDER.indexOf(this.value) + 1) % ORDER.length]!);
  }

  set(theme: Theme): void {
    this.value = theme;
    storage.set('theme', theme === 'system' ? '' : theme);
    if (theme === 'system') delete document.documentElement.dataset['theme'];
    else document.documentElement.dataset['theme'] = theme;
  }
}

function read(): Theme {
  const stored = storage.get('theme');
  return stored === 'light' || stored === 'dark' ? stored : 'system';
}

export const theme = new ThemeState();
