/** One word of a command, its quotes removed. */
export interface ShellWord {
  text: string;
  /** Holds a glob that the shell replaces by names of files, whatever they may look like. */
  glob: boolean;
  /** Holds a variable outside of quotes: it may become several words. */
  expands: boolean;
}

/**
 * A script as its simple commands, in order, whatever joins them (`|`, `&&`, `||`, `;`, newline). `opaque` is
 * everything that cannot be told from its words alone or that writes: substitutions, subshells, redirections into
 * files, background jobs, here-documents, braces, other variables than the few harmless ones.
 */
export type ShellScript = { kind: 'commands'; commands: ShellWord[][] } | { kind: 'opaque'; why: string };

/** Variables whose values no command of the same script can have set. */
const KNOWN_VARIABLES = new Set(['HOME', 'PWD', 'USER', 'TMPDIR']);
/** After `$`: what the shell takes for an expansion. Anything else leaves the dollar sign as it is. */
const EXPANDS = /[A-Za-z0-9_@*#?!$\-({[]/;
const SILENCED = /^(?:&[0-9-]|>?[ \t]*\/dev\/null)(?=[\s;|&]|$)/;

/** Leaves the reader from wherever it is; never leaves this file. */
class Opaque extends Error {}

class ShellReader {
  readonly commands: ShellWord[][] = [];
  private words: ShellWord[] = [];
  private word: ShellWord | undefined;
  private at = 0;
  /** The next word is a file that is read from, no argument. */
  private isSource = false;

  constructor(private readonly script: string) {}

  read(): ShellWord[][] {
    while (this.at < this.script.length) this.step(this.script[this.at]!);
    this.endCommand(true);
    return this.commands;
  }

  private step(char: string): void {
    this.at++;
    switch (char) {
      case '\\':
        return this.escaped();
      case "'":
        return this.singleQuoted();
      case '"':
        return this.doubleQuoted();
      case '`':
        throw new Opaque('a command substitution');
      case '$':
        return this.variable(false);
      case ' ':
      case '\t':
        return this.endWord();
      case '\n':
        return this.endCommand(true);
      case ';':
        return this.endCommand(false);
      case '|':
        if (this.next() === '|' || this.next() === '&') this.at++;
        return this.endCommand(false);
      case '&':
        if (this.next() !== '&') throw new Opaque('a background job or a redirection');
        this.at++;
        return this.endCommand(false);
      case '>':
        return this.output();
      case '<':
        return this.input();
      case '(':
      case ')':
        throw new Opaque('a subshell or a function');
      case '{':
      case '}':
        throw new Opaque('braces');
      case '#':
        if (this.word !== undefined) this.add(char);
        else while (this.at < this.script.length && this.next() !== '\n') this.at++;
        return;
      case '*':
      case '?':
      case '[':
        this.add(char).glob = true;
        return;
      default:
        this.add(char);
    }
  }

  private next(): string | undefined {
    return this.script[this.at];
  }

  private add(text: string): ShellWord {
    this.word ??= { text: '', glob: false, expands: false };
    this.word.text += text;
    return this.word;
  }

  private endWord(): void {
    if (this.word === undefined) return;
    if (this.isSource) this.isSource = false;
    else this.words.push(this.word);
    this.word = undefined;
  }

  private endCommand(mayBeEmpty: boolean): void {
    this.endWord();
    if (this.isSource || (this.words.length === 0 && !mayBeEmpty)) throw new Opaque('a syntax error');
    if (this.words.length > 0) this.commands.push(this.words);
    this.words = [];
  }

  private escaped(): void {
    const char = this.next();
    if (char === undefined) throw new Opaque('a backslash at the end');
    this.at++;
    if (char !== '\n') this.add(char);
  }

  private singleQuoted(): void {
    const end = this.script.indexOf("'", this.at);
    if (end < 0) throw new Opaque('an open quote');
    this.add(this.script.slice(this.at, end));
    this.at = end + 1;
  }

  private doubleQuoted(): void {
    this.add('');
    for (;;) {
      const char = this.next();
      this.at++;
      if (char === undefined) throw new Opaque('an open quote');
      if (char === '"') return;
      if (char === '`') throw new Opaque('a command substitution');
      if (char === '$') this.variable(true);
      else if (char === '\\' && /[$`"\\\n]/.test(this.next() ?? '')) this.escaped();
      else this.add(char);
    }
  }

  private variable(quoted: boolean): void {
    const rest = this.script.slice(this.at);
    const name = /^(?:\{([A-Za-z_]\w*)\}|([A-Za-z_]\w*))/.exec(rest);
    const known = name?.[1] ?? name?.[2];
    if (name !== null && known !== undefined && KNOWN_VARIABLES.has(known)) {
      this.at += name[0].length;
      const word = this.add(`$${known}`);
      if (!quoted) word.expands = true;
      return;
    }
    const next = rest[0] ?? '';
    if (EXPANDS.test(next)) throw new Opaque(next === '(' ? 'a command substitution' : 'a variable');
    if (!quoted && (next === "'" || next === '"')) throw new Opaque('a quoted escape');
    this.add('$');
  }

  /** Output may go to another descriptor or nowhere; into a file it writes. */
  private output(): void {
    this.dropDescriptor();
    const target = SILENCED.exec(this.script.slice(this.at));
    if (target === null) throw new Opaque('output redirected into a file');
    this.at += target[0].length;
  }

  private input(): void {
    if (/[<>(&]/.test(this.next() ?? '')) throw new Opaque('a here-document or a substitution');
    this.dropDescriptor();
    if (this.isSource) throw new Opaque('a syntax error');
    this.isSource = true;
  }

  /** The number right before a redirection is its descriptor, no argument. */
  private dropDescriptor(): void {
    if (this.word !== undefined && /^\d+$/.test(this.word.text)) this.word = undefined;
    else this.endWord();
  }
}

/** Reads a bash script conservatively: what is not understood is opaque, never guessed. */
export function parseShell(script: string): ShellScript {
  try {
    return { kind: 'commands', commands: new ShellReader(script).read() };
  } catch (error) {
    if (error instanceof Opaque) return { kind: 'opaque', why: error.message };
    throw error;
  }
}
