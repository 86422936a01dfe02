// Runs before the first paint, so that a page that was set to dark never flashes white.
try {
  const path = globalThis.document.querySelector('meta[name=page-path]')?.content ?? '';
  const theme = globalThis.localStorage.getItem(`pizzapi${path}.theme`);
  if (theme === 'light' || theme === 'dark') globalThis.document.documentElement.dataset.theme = theme;
} catch {
  // Storage is forbidden: the system's theme it is.
}
