/**
 * Loaded into the gateway before its own main where memory is measured: SIGUSR2 collects garbage and tells the parent
 * what is left.
 */
process.on('SIGUSR2', () => {
  void globalThis.gc?.();
  void globalThis.gc?.();
  process.send?.({ memory: process.memoryUsage() });
});

export {};
