/** Functions that run inside the page: they may use nothing from outside themselves. */

interface Settled {
  /** Until the last message is in the page. */
  shownMs: number;
  /** Until nothing moves any more. */
  settledMs: number;
  /** Until code has its final colours: a worker brings them, in place. */
  colouredMs: number;
  nodes: number;
}

/** Follows a link and watches the page until it shows `text` and then does not change for `quietMs`. */
export function settleMeter({
  link,
  text,
  quietMs,
}: {
  link: string;
  text: string;
  quietMs: number;
}): Promise<Settled> {
  return new Promise((resolve, reject) => {
    const from = performance.now();
    let shown = 0;
    let changed = from;
    let moved = from;
    const inCode = ({ target }: MutationRecord) =>
      (target instanceof Element ? target : target.parentElement)?.closest('code') != null;
    const observer = new MutationObserver((records) => {
      changed = performance.now();
      if (!records.every(inCode)) moved = changed;
      if (shown === 0 && (document.querySelector('main') ?? document.body).textContent.includes(text)) shown = changed;
    });
    observer.observe(document.body, { childList: true, subtree: true, characterData: true, attributes: true });
    const timer = setInterval(() => {
      const now = performance.now();
      if (now - from > 20_000) {
        clearInterval(timer);
        reject(new Error(`the last message was not shown: ${document.body.innerText.slice(0, 300)}`));
      }
      if (shown === 0 || now - changed < quietMs) return;
      clearInterval(timer);
      observer.disconnect();
      resolve({
        shownMs: shown - from,
        settledMs: moved - from,
        colouredMs: changed - from,
        nodes: document.querySelectorAll('*').length,
      });
    }, 20);
    (document.querySelector(link) as HTMLElement).click();
  });
}

/**
 * Measures what each WebSocket message costs the page's main thread while `window.benchPieces` is an array: its handlers,
 * and the frame that shows it, style, layout and paint included.
 */
export function pieceMeter(): void {
  const page = window as unknown as { benchPieces?: number[]; WebSocket: typeof WebSocket };
  const afterThis = (then: () => void) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      then();
    };
    port2.postMessage(null);
  };
  const onMessage = () => {
    const { benchPieces } = page;
    if (benchPieces === undefined) return;
    const handled = performance.now();
    let spent = 0;
    afterThis(() => (spent += performance.now() - handled));
    requestAnimationFrame(() => {
      const drawn = performance.now();
      afterThis(() => benchPieces.push(spent + performance.now() - drawn));
    });
  };
  page.WebSocket = class extends page.WebSocket {
    constructor(url: string | URL, protocols?: string | string[]) {
      super(url, protocols);
      this.addEventListener('message', onMessage);
    }
  };
}
