/** A question of the agent. Words of the person's own are an answer to any of them. */
export interface QuestionInput {
  question: string;
  options: string[];
}

export type QuestionAnswers = { kind: 'answers'; answers: string[] } | { kind: 'expired' };

/** The choice that leads to words of one's own. */
export const OWN_WORDS = 'Something else…';

/** What a list shows for a question: each option once, and the way to an answer that is not among them. */
export function choicesOf({ options }: QuestionInput): string[] {
  return [...new Set([...options, OWN_WORDS])];
}

/** The answers in a value that came for the question as a whole: a text for one question, a list of texts for several. */
export function readAnswers(questions: readonly QuestionInput[], value: unknown): QuestionAnswers | undefined {
  const answers: unknown[] = Array.isArray(value) ? value : [value];
  const isText = (answer: unknown): answer is string => typeof answer === 'string' && answer.trim() !== '';
  return answers.length === questions.length && answers.every(isText) ? { kind: 'answers', answers } : undefined;
}

/** What the model reads. */
export function answersText(questions: readonly QuestionInput[], given: QuestionAnswers | undefined): string {
  if (given === undefined) return 'The person closed the question without an answer. Go on as you think best, or stop.';
  if (given.kind === 'expired') return 'Nobody answered in time. Go on as you think best, or stop.';
  if (questions.length === 1) return `Answered: ${given.answers[0]}`;
  const lines = questions.map(({ question }, index) => `- ${question}\n  ${given.answers[index]}`);
  return `Answered:\n${lines.join('\n')}`;
}

/** The answer to a question that was asked before the agent was interrupted. */
export function lateAnswersText(questions: readonly QuestionInput[], given: QuestionAnswers | undefined): string {
  const asked = questions.map(({ question }) => `"${question}"`).join(', ');
  return `This answers what you asked before you were interrupted (${asked}).\n\n${answersText(questions, given)}`;
}
