import type { Author } from '@pizzapi/protocol';
import { visibleText } from '../terminal/clean.js';
import { nameOf, type PiTerminal } from '../tui/terminal.js';
import { isStale, type BoundPi } from './boundPi.js';
import type { PlainPiSession } from './session.js';

/** The width and height of a terminal that does not say them. */
const COLUMNS = 80;
const ROWS = 24;
/** So many lines a notice repeats at most: people come and leave while nothing else happens. */
const MAX_LINES = 60;

/**
 * The terminal of a plain pi. What is printed there is a notice, and pi replaces a notice by the next one. So a notice
 * repeats what was printed right before it.
 */
export class PlainTerminal implements PiTerminal {
  session: PlainPiSession | undefined;
  #given: BoundPi | undefined;
  #printed = '';

  bind(bound: BoundPi | undefined): void {
    this.#given = bound;
    this.#printed = '';
  }

  get #bound(): BoundPi | undefined {
    return this.#given === undefined || isStale(this.#given) ? undefined : this.#given;
  }

  /** Something else was drawn below the last notice: the next one does not replace it. */
  drawn(): void {
    this.#printed = '';
  }

  readonly print: PiTerminal['print'] = (text) => {
    const lines = [...(this.#printed === '' ? [] : this.#printed.split('\n')), ...text.split('\n')];
    this.#printed = lines.slice(-MAX_LINES).join('\n');
    this.#bound?.ctx.ui.notify(this.#printed, 'info');
  };

  readonly setStatus: PiTerminal['setStatus'] = (text) => this.#bound?.ctx.ui.setStatus('pizzapi', text);

  readonly tint: PiTerminal['tint'] = (colour, text) => this.#bound?.ctx.ui.theme.fg(colour, text) ?? text;

  readonly nameOf = (by: Author): string => nameOf(by, this.session?.local);

  readonly link = (url: string): string => visibleText(url);

  get columns(): number {
    return process.stdout.columns || COLUMNS;
  }

  get rows(): number {
    return process.stdout.rows || ROWS;
  }
}
