/** Functions that run inside the page: they may use nothing from outside themselves. */

interface Settled {
  /** Until the last message is in the page. */
  shownMs: number;
  /** Until it is in its place for good. */
  settledMs: number;
  /** Until nothing of the transcript changes any more, in sight or not: a worker brings code its colours, in place. */
  quietMs: number;
  nodes: number;
}

/** Follows a link and watches until the paragraph with `text` is there and nothing has happened for `calmMs`. */
export function settleMeter(asked: { link: string; text: string; calmMs: number }): Promise<Settled> {
  return new Promise((resolve, reject) => {
    const from = performance.now();
    let shown = 0;
    let changed = from;
    let moved = from;
    let last: Element | undefined;
    let place = Number.NaN;
    const observer = new MutationObserver((records) => {
      const elements = records.map(({ target }) => (target instanceof Element ? target : target.parentElement));
      if (elements.some((element) => element?.closest('[role=log]') != null)) changed = performance.now();
    });
    observer.observe(document.body, { childList: true, subtree: true, characterData: true, attributes: true });
    const look = () => {
      const now = performance.now();
      if (last?.isConnected !== true) {
        const paragraphs = [...document.querySelectorAll('[role=log] p')];
        last = paragraphs.findLast(({ textContent }) => textContent.includes(asked.text));
        place = Number.NaN;
      }
      const top = last?.getBoundingClientRect().top ?? Number.NaN;
      if (last !== undefined && !(Math.abs(top - place) < 1)) {
        shown ||= now;
        moved = now;
        place = top;
      }
      if (shown > 0 && now - Math.max(moved, changed) > asked.calmMs) {
        observer.disconnect();
        const nodes = document.querySelectorAll('*').length;
        resolve({ shownMs: shown - from, settledMs: moved - from, quietMs: changed - from, nodes });
      } else if (now - from > 20_000) {
        reject(new Error(`the last message was not shown: ${document.body.innerText.slice(0, 300)}`));
      } else requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
    (document.querySelector(asked.link) as HTMLElement).click();
  });
}

/** What one piece cost the page's main thread, in ms. */
export interface PieceCost {
  /** Its handlers, and the frame that shows it up to its layout. */
  laidOut: number;
  /** The same and paint. */
  painted: number;
}

/** Measures what each WebSocket message costs while `window.benchPieces` is an array. */
export function pieceMeter(): void {
  const page = window as unknown as { benchPieces?: PieceCost[]; WebSocket: typeof WebSocket };
  const afterThis = (then: () => void) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      then();
    };
    port2.postMessage(null);
  };
  // Called before the page's own handler: what it asks for comes before, and what `afterThis` asks for after the page's.
  const onMessage = () => {
    const { benchPieces } = page;
    if (benchPieces === undefined) return;
    const from = performance.now();
    let handled = 0;
    let frame = 0;
    let frameFrom = 0;
    requestAnimationFrame((time) => {
      frame = time;
      frameFrom = performance.now();
    });
    afterThis(() => {
      handled = performance.now() - from;
      requestAnimationFrame((time) => {
        // Reading a height makes the layout happen now. A frame that came in between has shown the piece already.
        if (document.body.offsetHeight === 0 || time !== frame) return;
        const laidOut = handled + performance.now() - frameFrom;
        afterThis(() => benchPieces.push({ laidOut, painted: handled + performance.now() - frameFrom }));
      });
    });
  };
  page.WebSocket = class extends page.WebSocket {
    constructor(url: string | URL, protocols?: string | string[]) {
      super(url, protocols);
      this.addEventListener('message', onMessage);
    }
  };
}
