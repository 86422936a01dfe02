/**
 * Loaded into the gateway before its main file when memory is measured: SIGUSR2 collects garbage and sends the
 * remaining size to the parent.
 */
process.on('SIGUSR2', () => {
  void globalThis.gc?.();
  void globalThis.gc?.();
  process.send?.({ memory: process.memoryUsage() });
});

export {};
