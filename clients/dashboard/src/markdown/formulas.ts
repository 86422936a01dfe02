import type * as KatexModule from './katex.js';

let katex: typeof KatexModule | undefined;
let loading: Promise<void> | undefined;

/** The formula without its delimiters. */
const texOf = (source: string): string => source.replace(/^(?:\\[([]|\$\$?)/, '').replace(/(?:\\[)\]]|\$\$?)$/, '');

/** Draws the formulas in an element. The library is loaded with the first of them; until then their source is shown. */
export function drawFormulas(node: HTMLElement): void {
  const formulas = [...node.querySelectorAll<HTMLElement>('.math')];
  if (formulas.length === 0) return;
  const draw = (): void => {
    for (const formula of formulas)
      if (formula.childElementCount === 0)
        katex?.drawFormula(formula, texOf(formula.textContent), formula.classList.contains('math-display'));
  };
  if (katex !== undefined) return draw();
  loading ??= import('./katex.js').then((module) => void (katex = module));
  void loading.then(draw, () => (loading = undefined));
}
