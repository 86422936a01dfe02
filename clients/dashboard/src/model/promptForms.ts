import type { ApprovalPrompt, ToolBlock } from '@pizzapi/protocol';

/** The answer to all questions, once there is one to each. Typed words take precedence over a choice. */
export function wholeAnswer(drafts: readonly { choice?: string | undefined; words: string }[]): string[] | undefined {
  const answers = drafts.map(({ choice, words }) => words.trim() || choice || '');
  return answers.every((answer) => answer !== '') ? answers : undefined;
}

/** The call that waits for an approval, as the transcript shows calls. */
export function approvalCall({ id, toolName, fields }: ApprovalPrompt): ToolBlock {
  return {
    kind: 'tool',
    toolCallId: id,
    toolName,
    json: '',
    args: Object.fromEntries(fields.map(({ key, value }) => [key, argument(value)])),
    state: 'pending',
    output: '',
    content: [],
  };
}

/** Reads an argument that is not text: the prompt has it as JSON. A shortened one stays text. */
function argument(text: string): unknown {
  if (!/^[[{]/.test(text)) return text;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
