import { createSubscriber } from 'svelte/reactivity';

/** The present, for views that show how long something takes. Ticks only while somebody looks. */
class Clock {
  #now = Date.now();
  readonly #subscribe: () => void;

  constructor(intervalMs: number) {
    this.#subscribe = createSubscriber((update) => {
      const timer = setInterval(() => {
        this.#now = Date.now();
        update();
      }, intervalMs);
      this.#now = Date.now();
      return () => clearInterval(timer);
    });
  }

  get now(): number {
    this.#subscribe();
    return this.#now;
  }
}

export const seconds = new Clock(1_000);
export const minutes = new Clock(30_000);
