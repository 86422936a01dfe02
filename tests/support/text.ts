/** Returns the letters and digits of a text, which do not depend on line breaks and on the rendering of Markdown. */
export const letters = (text: string) => text.replace(/[^\p{L}\p{N}]+/gu, '');

/** Returns the `sentences` that `text` does not contain after the sentences before them. */
export function missingIn(text: string, sentences: readonly string[]): string[] {
  let from = 0;
  return sentences.filter((sentence) => {
    const found = text.indexOf(sentence, from);
    if (found >= 0) from = found + sentence.length;
    return found < 0;
  });
}
