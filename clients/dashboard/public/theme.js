// Runs before the first paint, so that a page that was set to dark never flashes white.
(function () {
  try {
    var theme = localStorage.getItem('pizzapi.theme');
    if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
  } catch (blocked) {
    // Storage is forbidden: the system's theme it is.
  }
})();
