import type { ErrorInfo } from '@pizzapi/protocol';

export interface Toast {
  id: number;
  level: 'info' | 'error';
  text: string;
  /** The error's name, for those who look it up. */
  code?: string;
  action?: { label: string; run: () => void };
}

/** Toasts on the screen at once, and how long one stays (ms). An error stays longer: it has a sentence to read. */
const MOST = 4;
const STAYS = { info: 4_000, error: 10_000 };

/** Short messages that come and go: above all commands that were refused, with their sentence. */
class Toasts {
  list = $state.raw<readonly Toast[]>([]);
  #next = 1;

  info(text: string, action?: Toast['action']): void {
    this.#show({ level: 'info', text, ...(action === undefined ? {} : { action }) });
  }

  error(error: ErrorInfo, action?: Toast['action']): void {
    this.#show({ level: 'error', text: error.message, code: error.code, ...(action === undefined ? {} : { action }) });
  }

  dismiss(id: number): void {
    this.list = this.list.filter((toast) => toast.id !== id);
  }

  #show(toast: Omit<Toast, 'id'>): void {
    const id = this.#next++;
    this.list = [...this.list.filter(({ text }) => text !== toast.text), { ...toast, id }].slice(-MOST);
    setTimeout(() => this.dismiss(id), STAYS[toast.level]);
  }
}

export const toasts = new Toasts();
