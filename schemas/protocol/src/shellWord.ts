/** Returns text in single quotes: a POSIX shell takes it as one word and expands nothing in it. */
export const shellQuote = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

/** Returns text as a person would type it as one word of a shell: in quotes only where it needs them. */
export const shellWord = (text: string): string => (/^[\w@%+=:,./[\]-]+$/.test(text) ? text : shellQuote(text));
