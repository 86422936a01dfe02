import {
  commandIn,
  defaultMetaState,
  isMap,
  oneLine,
  openedDialog,
  pendingPrompts,
  promptLine,
  shorten,
  type PromptChoice,
  type PromptView,
  type SessionMetaState,
  type UnknownMap,
} from '@pizzapi/protocol';

/** A prompt as far as it can be read and answered at a glance; the page of its session shows all of it. */
export interface PromptPreview {
  /** What an answer names. */
  id: string;
  kind: PromptView['kind'];
  title: string;
  text?: string;
  /** A command, or another argument of a call. */
  code?: string;
  /** ms since epoch after which it closes without an answer. */
  expiresAt?: number;
  /** Answers that take one click. Empty where the session's page is needed for an answer. */
  choices: readonly PromptChoice[];
  /** What a notification shows of it. */
  line: string;
}

/** Options that still make a row of buttons, and steps of a plan that are shown. */
const MAX_OPTIONS = 6;
const MAX_STEPS = 4;
/** Characters and lines of a text or a command. */
const MAX_CHARS = 400;
const MAX_LINES = 8;
const LINE_CHARS = 240;

/** The pending prompts of a session. `ids`: those that are still open by the list of sessions. */
export function promptPreviews(meta: SessionMetaState, ids: readonly string[]): PromptPreview[] {
  return previews(pendingPrompts(meta), ids);
}

/** The open dialogs of extensions. The log alone has what they ask. */
export function dialogPreviews(events: readonly UnknownMap[], ids: readonly string[]): PromptPreview[] {
  const dialogs = events.flatMap((event) => (isMap(event) ? (openedDialog(event) ?? []) : []));
  return previews(pendingPrompts(defaultMetaState(), dialogs), ids);
}

function previews(prompts: readonly PromptView[], ids: readonly string[]): PromptPreview[] {
  return prompts.filter(({ id }) => ids.includes(id)).map(preview);
}

function preview(prompt: PromptView): PromptPreview {
  const { id, kind, expiresAt } = prompt;
  const { title = prompt.title, text = '', code = '', choices } = contentOf(prompt);
  return {
    id,
    kind,
    title: cut(title),
    ...(text === '' ? {} : { text: cut(text) }),
    ...(code === '' ? {} : { code: cut(code) }),
    ...(expiresAt === undefined ? {} : { expiresAt }),
    choices,
    line: shorten(oneLine(promptLine(prompt)), LINE_CHARS),
  };
}

interface PreviewContent {
  title?: string;
  text?: string;
  code?: string;
  choices: readonly PromptChoice[];
}

function contentOf(prompt: PromptView): PreviewContent {
  const { title, choices } = prompt;
  switch (prompt.kind) {
    case 'question': {
      const [first, ...others] = prompt.questions;
      const more = others.length === 1 ? 'And one more question' : `And ${others.length} more questions`;
      const asked = first?.question ?? title;
      return { title: asked, text: others.length === 0 ? '' : more, choices: fits(asked) ? row(choices) : [] };
    }
    case 'plan': {
      const { description, steps = [] } = prompt.plan;
      const titles = steps.map((step, i) => `${i + 1}. ${step.title}`);
      const more = steps.length > MAX_STEPS ? [`… and ${steps.length - MAX_STEPS} more`] : [];
      const text = [...(description ? [description] : []), ...titles.slice(0, MAX_STEPS), ...more].join('\n');
      const isWhole = more.length === 0 && fits(title, text) && !steps.some((step) => step.description);
      return { text, choices: isWhole ? choices : refusals(choices) };
    }
    case 'approval': {
      const { message = '', fields } = prompt;
      const code = commandIn(prompt) ?? fields.map(({ label, value }) => `${label}: ${value}`).join('\n');
      // To allow more than this call is decided on the session's page.
      const once = choices.filter(({ value, look }) => look === 'primary' || value === 'deny');
      return { text: message, code, choices: fits(title, message, code) ? once : refusals(once) };
    }
    case 'trust': {
      const text = prompt.plugins.map(({ name, summary }) => (summary ? `${name}: ${summary}` : name)).join('\n');
      return { text, choices: fits(text) ? choices : refusals(choices) };
    }
    case 'dialog': {
      const { message = '' } = prompt;
      return { text: message, choices: fits(title, message) ? row(choices) : [] };
    }
  }
}

/** None where they are too many for a row. */
function row(choices: readonly PromptChoice[]): readonly PromptChoice[] {
  return choices.length > MAX_OPTIONS ? [] : choices;
}

/** What is shown in part cannot be agreed to, only refused. */
function refusals(choices: readonly PromptChoice[]): PromptChoice[] {
  return choices.filter(({ look }) => look !== 'primary');
}

function fits(...texts: string[]): boolean {
  return texts.every((text) => text.length <= MAX_CHARS && text.split('\n').length <= MAX_LINES);
}

function cut(text: string): string {
  const kept = text.split('\n').slice(0, MAX_LINES).join('\n');
  return shorten(kept === text ? text : `${kept.trimEnd()}…`, MAX_CHARS);
}
