import { visibleText, type ErrorInfo } from '@pizzapi/protocol';
import { forPage } from '../model/pageErrors.js';

export interface Toast {
  id: number;
  level: 'info' | 'error';
  text: string;
  /** The error's name, for those who look it up. */
  code?: string;
  action?: { label: string; run: () => void };
  /** News of a session, under its name. */
  news?: { sid: string; kind: 'finished' | 'input' | 'error'; title: string };
}

/** An element in the layout of the page that can show the toasts. A dialog has a higher rank than the page below it. */
export interface Outlet {
  rank: number;
}
const higher = (a: Outlet | undefined, b: Outlet): Outlet => (a !== undefined && a.rank > b.rank ? a : b);

/** Toasts on the screen at once, and how long one stays (ms). An error stays longer: it has a sentence to read. */
const MOST = 3;
const STAYS = { info: 4_000, error: 10_000, news: 8_000 };

/** Short messages that come and go: commands that were refused, with their sentence, and news of other sessions. */
class Toasts {
  list = $state.raw<readonly Toast[]>([]);
  /** The outlet that shows the toasts: the last one of those with the highest rank. */
  outlet = $state.raw<Outlet>();
  /** The outlets that are on the page, in the order in which they came. No signal: an effect that ends reads old values. */
  readonly #outlets = new Set<Outlet>();
  /** Toasts that a person points at or has the focus in: they stay. */
  readonly held = new Set<number>();
  #next = 1;

  /** Offers an outlet. Returns a function that withdraws it. */
  offer(outlet: Outlet): () => void {
    const choose = () => (this.outlet = [...this.#outlets].reduce<Outlet | undefined>(higher, undefined));
    this.#outlets.add(outlet);
    choose();
    return () => {
      this.#outlets.delete(outlet);
      choose();
    };
  }

  info(text: string, action?: Toast['action']): void {
    this.#show({ level: 'info', text, ...(action === undefined ? {} : { action }) });
  }

  error(error: ErrorInfo, action?: Toast['action']): void {
    this.#show({
      level: 'error',
      text: forPage(error).message,
      code: error.code,
      ...(action === undefined ? {} : { action }),
    });
  }

  /** Takes the place of what was there of the same session. */
  news(news: NonNullable<Toast['news']>, text: string): void {
    this.drop(news.sid);
    this.#show({ level: 'info', text, news });
  }

  dismiss(id: number): void {
    this.held.delete(id);
    this.list = this.list.filter((toast) => toast.id !== id);
  }

  /** The person sees all prompts that wait: toasts about them would repeat what is on the screen. */
  dropPrompts(): void {
    const others = this.list.filter(({ news }) => news?.kind !== 'input');
    if (others.length < this.list.length) this.list = others;
  }

  /** What there is of a session, or only that of a kind, is out of date. */
  drop(sid: string, kind?: NonNullable<Toast['news']>['kind']): void {
    const old = ({ news }: Toast) => news?.sid === sid && (kind === undefined || news.kind === kind);
    if (this.list.some(old)) this.list = this.list.filter((toast) => !old(toast));
  }

  #show(shown: Omit<Toast, 'id'>): void {
    const id = this.#next++;
    const toast = { ...shown, text: visibleText(shown.text) };
    const same = (other: Toast) => other.text === toast.text && other.news?.sid === toast.news?.sid;
    this.list = [...this.list.filter((other) => !same(other)), { ...toast, id }].slice(-MOST);
    void seen().then(() => this.#dismissAfter(id, STAYS[toast.news === undefined ? toast.level : 'news']));
  }

  #dismissAfter(id: number, ms: number): void {
    setTimeout(() => (this.held.has(id) ? this.#dismissAfter(id, STAYS.info) : this.dismiss(id)), ms);
  }
}

/** Resolves once the page is in sight: a toast that nobody could see has not been shown yet. */
function seen(): Promise<void> {
  if (!document.hidden) return Promise.resolve();
  return new Promise((resolve) => {
    document.addEventListener('visibilitychange', function look() {
      if (document.hidden) return;
      document.removeEventListener('visibilitychange', look);
      resolve();
    });
  });
}

export const toasts = new Toasts();
