import { ProcessTerminal } from '@mariozechner/pi-tui';

/** A screen of its own (xterm's 1049), from the top left, where the wheel sends no arrow keys (1007). */
const ENTER = '\u001b[?1049h\u001b[?1007l\u001b[2J\u001b[H';
const LEAVE = '\u001b[?1007h\u001b[?1049l\u001b[?25h';
/** pi clears the scroll-back with the screen; here it is the shell's. */
const CLEAR_SCROLLBACK = '\u001b[3J';

/** The whole terminal, as long as it is in use; what was on it before is there again afterwards, however that ends. */
export class FullScreenTerminal extends ProcessTerminal {
  #entered = false;
  readonly #leave = () => {
    if (!this.#entered) return;
    this.#entered = false;
    process.stdout.write(LEAVE);
  };

  override start(onInput: (data: string) => void, onResize: () => void): void {
    this.#entered = true;
    process.once('exit', this.#leave);
    process.stdout.write(ENTER);
    super.start(onInput, onResize);
  }

  override stop(): void {
    super.stop();
    process.off('exit', this.#leave);
    this.#leave();
  }

  override write(data: string): void {
    super.write(data.replaceAll(CLEAR_SCROLLBACK, ''));
  }
}
