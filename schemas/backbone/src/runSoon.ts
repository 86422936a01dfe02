let tasks: (() => void)[] = [];

/**
 * Runs a task in the next microtask, together with all others that are given before it: a microtask of its own costs more
 * than a short task. A task that throws keeps no other from running; its error is thrown in a microtask.
 */
export function runSoon(task: () => void): void {
  if (tasks.push(task) === 1) queueMicrotask(runAll);
}

function runAll(): void {
  const current = tasks;
  tasks = [];
  for (const task of current) {
    try {
      task();
    } catch (error) {
      queueMicrotask(() => {
        throw error;
      });
    }
  }
}
