import { defaultKeymap, history, historyKeymap, indentWithTab } from '@codemirror/commands';
import {
  bracketMatching,
  foldGutter,
  foldKeymap,
  HighlightStyle,
  indentOnInput,
  LanguageDescription,
  syntaxHighlighting,
} from '@codemirror/language';
import { languages } from '@codemirror/language-data';
import { MergeView } from '@codemirror/merge';
import { gotoLine, highlightSelectionMatches, openSearchPanel, search, searchKeymap } from '@codemirror/search';
import { Compartment, EditorState, type Extension } from '@codemirror/state';
import {
  drawSelection,
  EditorView,
  highlightActiveLine,
  highlightActiveLineGutter,
  highlightSpecialChars,
  keymap,
  lineNumbers,
} from '@codemirror/view';
import { tags } from '@lezer/highlight';

/**
 * The editor, as one program that is loaded on demand. It draws itself below a shadow root: there its styles are style sheets of
 * the root, which the policy of the page allows.
 */

const THEME = EditorView.theme({
  '&': { height: '100%', color: 'var(--ink)', backgroundColor: 'var(--surface)', fontSize: '0.8125rem' },
  '.cm-scroller': { fontFamily: 'var(--font-mono)', lineHeight: '1.55', overflow: 'auto' },
  '.cm-content': { caretColor: 'var(--accent)' },
  '.cm-cursor': { borderLeftColor: 'var(--accent)', borderLeftWidth: '2px' },
  '.cm-gutters': { backgroundColor: 'var(--surface)', color: 'var(--faint)', border: 'none' },
  '.cm-activeLine, .cm-activeLineGutter': { backgroundColor: 'color-mix(in oklab, var(--hover) 70%, transparent)' },
  '&.cm-focused': { outline: 'none' },
  '.cm-selectionBackground, &.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground': {
    backgroundColor: 'var(--selection)',
  },
  '.cm-selectionMatch, .cm-searchMatch': { backgroundColor: 'var(--mark)' },
  '.cm-searchMatch-selected': { outline: '1px solid var(--focus)' },
  '.cm-panels': { backgroundColor: 'var(--side)', color: 'var(--ink)', borderColor: 'var(--line)' },
  '.cm-panel input, .cm-panel button': {
    font: 'inherit',
    color: 'var(--ink)',
    background: 'var(--surface)',
    border: '1px solid var(--line-strong)',
    borderRadius: '6px',
    padding: '2px 8px',
  },
  '.cm-panel label': { fontSize: '0.75rem' },
  '.cm-foldPlaceholder': { background: 'var(--active)', border: 'none', color: 'var(--muted)' },
  '.cm-changedLine': { backgroundColor: 'var(--amber-soft) !important' },
  '.cm-changedText, .cm-deletedText': { background: 'var(--mark) !important' },
});

const COLOURS = HighlightStyle.define([
  { tag: tags.comment, color: 'var(--code-comment)', fontStyle: 'italic' },
  { tag: [tags.keyword, tags.bool, tags.null, tags.operatorKeyword], color: 'var(--code-keyword)' },
  { tag: [tags.string, tags.regexp, tags.special(tags.string)], color: 'var(--code-string)' },
  { tag: [tags.number, tags.attributeName], color: 'var(--code-number)' },
  { tag: [tags.function(tags.variableName), tags.labelName], color: 'var(--code-function)' },
  { tag: [tags.typeName, tags.className, tags.tagName, tags.namespace], color: 'var(--code-type)' },
  { tag: [tags.punctuation, tags.operator], color: 'var(--code-punctuation)' },
  { tag: tags.heading, fontWeight: '600' },
  { tag: tags.strong, fontWeight: '600' },
  { tag: tags.emphasis, fontStyle: 'italic' },
  { tag: [tags.link, tags.url], color: 'var(--blue)', textDecoration: 'underline' },
]);

export interface EditorOptions {
  parent: HTMLElement;
  text: string;
  /** Chooses the language. */
  name: string;
  label: string;
  readonly: boolean;
  lineEnd: '\n' | '\r\n';
  onChange: () => void;
  onSave: () => void;
}

/** What the page does with an editor. */
export interface Editor {
  text(): string;
  setText(text: string): void;
  setReadonly(readonly: boolean): void;
  /** Counted from 1. */
  goTo(line: number): void;
  search(): void;
  askLine(): void;
  focus(): void;
  destroy(): void;
}

export function openEditor(options: EditorOptions): Editor {
  const readonly = new Compartment();
  const language = new Compartment();
  const root = shadowOf(options.parent);
  const view = new EditorView({
    root,
    parent: root,
    state: EditorState.create({
      doc: options.text,
      extensions: [
        ...basics(options),
        history(),
        readonly.of(readonlyState(options.readonly)),
        language.of([]),
        keymap.of([{ key: 'Mod-s', preventDefault: true, run: () => (options.onSave(), true) }]),
        EditorView.updateListener.of((update) => update.docChanged && options.onChange()),
      ],
    }),
  });
  void loadLanguage(options.name).then((found) => found && view.dispatch({ effects: language.reconfigure(found) }));
  return {
    text: () => view.state.sliceDoc(),
    setText: (text) =>
      view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: view.state.toText(text) } }),
    setReadonly: (is) => view.dispatch({ effects: readonly.reconfigure(readonlyState(is)) }),
    goTo: (line) => {
      const { from } = view.state.doc.line(Math.max(1, Math.min(line, view.state.doc.lines)));
      view.dispatch({ selection: { anchor: from }, effects: EditorView.scrollIntoView(from, { y: 'center' }) });
    },
    search: () => void openSearchPanel(view),
    askLine: () => void gotoLine(view),
    focus: () => view.focus(),
    destroy: () => view.destroy(),
  };
}

export interface Comparison {
  /** The text of the person, as it was edited. */
  mine(): string;
  destroy(): void;
}

/** Both versions side by side: that of the host, and that of the person, which can be edited. */
export function openComparison(
  parent: HTMLElement,
  { theirs, mine, name, lineEnd }: { theirs: string; mine: string; name: string; lineEnd: '\n' | '\r\n' },
): Comparison {
  const root = shadowOf(parent);
  const style = document.createElement('div');
  style.style.cssText = 'height:100%;overflow:auto';
  root.append(style);
  const shared = { name, readonly: false, lineEnd };
  const view = new MergeView({
    root,
    parent: style,
    a: { doc: theirs, extensions: [...basics({ ...shared, label: 'On the host' }), readonlyState(true)] },
    b: { doc: mine, extensions: [...basics({ ...shared, label: 'Yours' }), history()] },
    collapseUnchanged: { margin: 3, minSize: 6 },
  });
  return { mine: () => view.b.state.sliceDoc(), destroy: () => view.destroy() };
}

const readonlyState = (is: boolean): Extension => [EditorState.readOnly.of(is), EditorView.editable.of(!is)];

function basics({ label, lineEnd }: Pick<EditorOptions, 'label' | 'lineEnd'>): Extension[] {
  return [
    lineNumbers(),
    foldGutter(),
    highlightSpecialChars(),
    drawSelection(),
    indentOnInput(),
    bracketMatching(),
    highlightActiveLine(),
    highlightActiveLineGutter(),
    highlightSelectionMatches(),
    search({ top: true }),
    syntaxHighlighting(COLOURS),
    EditorState.lineSeparator.of(lineEnd),
    EditorView.contentAttributes.of({ 'aria-label': label }),
    THEME,
    // Tab indents; Escape and then Tab leaves the editor.
    keymap.of([...defaultKeymap, ...searchKeymap, ...historyKeymap, ...foldKeymap, indentWithTab]),
  ];
}

async function loadLanguage(name: string): Promise<Extension | undefined> {
  const found = LanguageDescription.matchFilename(languages, name);
  try {
    return await found?.load();
  } catch {
    return undefined;
  }
}

function shadowOf(parent: HTMLElement): ShadowRoot {
  const root = parent.shadowRoot ?? parent.attachShadow({ mode: 'open' });
  root.replaceChildren();
  return root;
}
