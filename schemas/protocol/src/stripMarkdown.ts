/** Returns a text without the marks of Markdown, for a line that does not render them. */
export function stripMarkdown(text: string): string {
  return text
    .replace(/!?\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replace(/^ {0,3}(#{1,6}|>)\s+/gm, '')
    .replace(/[*`]+|^---+$/gm, '');
}
