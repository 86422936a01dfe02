/** Letters and figures only: what is the same however lines are broken and Markdown is drawn. */
export const letters = (text: string) => text.replace(/[^\p{L}\p{N}]+/gu, '');

/** Those of `sentences` that are not in `text` behind the ones before them. */
export function missingIn(text: string, sentences: readonly string[]): string[] {
  let from = 0;
  return sentences.filter((sentence) => {
    const found = text.indexOf(sentence, from);
    if (found >= 0) from = found + sentence.length;
    return found < 0;
  });
}
