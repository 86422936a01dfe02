/** Functions that run inside the page: they must not use variables from outside. */

interface Settled {
  /** Time until the last message is in the page. */
  shownMs: number;
  /** Time until the message does not move any more. */
  settledMs: number;
  /** Time until the transcript does not change any more, whether visible or not: a worker highlights code in shownTop. */
  quietMs: number;
  nodes: number;
}

/** Opens a link and watches until the paragraph with `text` is shown and nothing has changed for `calmMs`. */
export function settleMeter(target: { link: string; text: string; calmMs: number }): Promise<Settled> {
  return new Promise((resolve, reject) => {
    const from = performance.now();
    let shown = 0;
    let changed = from;
    let moved = from;
    let last: Element | undefined;
    let shownTop = Number.NaN;
    const observer = new MutationObserver((records) => {
      const elements = records.map(({ target }) => (target instanceof Element ? target : target.parentElement));
      if (elements.some((element) => element?.closest('[role=log]') != null)) changed = performance.now();
    });
    observer.observe(document.body, { childList: true, subtree: true, characterData: true, attributes: true });
    const look = () => {
      const now = performance.now();
      if (last?.isConnected !== true) {
        const paragraphs = [...document.querySelectorAll('[role=log] p')];
        last = paragraphs.findLast(({ textContent }) => textContent.includes(target.text));
        shownTop = Number.NaN;
      }
      const top = last?.getBoundingClientRect().top ?? Number.NaN;
      if (last !== undefined && !(Math.abs(top - shownTop) < 1)) {
        shown ||= now;
        moved = now;
        shownTop = top;
      }
      if (shown > 0 && now - Math.max(moved, changed) > target.calmMs) {
        observer.disconnect();
        const nodes = document.querySelectorAll('*').length;
        resolve({ shownMs: shown - from, settledMs: moved - from, quietMs: changed - from, nodes });
      } else if (now - from > 20_000) {
        reject(new Error(`the last message was not shown: ${document.body.innerText.slice(0, 300)}`));
      } else requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
    (document.querySelector(target.link) as HTMLElement).click();
  });
}

/** The cost of one delta on the main thread of the page, in ms. */
export interface DeltaCost {
  /** The handlers, and the frame that shows the delta up to its layout. */
  laidOut: number;
  /** The same, with paint. */
  painted: number;
}

/** Measures the cost of each WebSocket message while `window.benchDeltas` is an array. */
export function deltaMeter(): void {
  const page = window as unknown as { benchDeltas?: DeltaCost[]; WebSocket: typeof WebSocket };
  const afterThis = (then: () => void) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      then();
    };
    port2.postMessage(null);
  };
  // Runs before the page's own handler: its requests are served before those of the page, and `afterThis` runs after
  // them.
  const onMessage = () => {
    const { benchDeltas } = page;
    if (benchDeltas === undefined) return;
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
        // Reading a height forces the layout. A frame that ran in between has shown the delta already.
        if (document.body.offsetHeight === 0 || time !== frame) return;
        const laidOut = handled + performance.now() - frameFrom;
        afterThis(() => benchDeltas.push({ laidOut, painted: handled + performance.now() - frameFrom }));
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
