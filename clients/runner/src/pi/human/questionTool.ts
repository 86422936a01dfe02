import Type from 'typebox';
import { promptId, type PromptOf } from '../../human/pending.js';
import {
  answersText,
  choicesOf,
  lateAnswersText,
  OWN_WORDS,
  readAnswers,
  type QuestionAnswers,
  type QuestionInput,
} from '../../human/questions.js';
import type { PromptOutcome, PromptRequest, PromptLimits, PromptUi } from './promptCoordinator.js';
import { LEFT, says, type PromptFeature, type FeatureDeps } from './feature.js';
import { inWords } from '../terminal/toolWording.js';

/** Questions that one call may ask, and options that one of them may have. */
const MAX_QUESTIONS = 8;
const MAX_OPTIONS = 20;
/** The longest a question may be open with a time-out, s. Without one it waits for as long as it takes. */
const MAX_TIMEOUT_S = 7 * 24 * 3_600;
/** A dialog that closes this close to its time-out was closed by it, ms. */
const EXPIRY_SLACK_MS = 50;

const Parameters = Type.Object({
  questions: Type.Array(
    Type.Object({
      question: Type.String({ minLength: 1, description: 'The whole question, understandable by itself' }),
      options: Type.Optional(
        Type.Array(Type.String({ minLength: 1 }), {
          maxItems: MAX_OPTIONS,
          description: 'Answers to choose from, the best one first. The person can always answer in words of their own',
        }),
      ),
    }),
    { minItems: 1, maxItems: MAX_QUESTIONS },
  ),
  timeoutSeconds: Type.Optional(
    Type.Number({
      minimum: 0.01,
      maximum: MAX_TIMEOUT_S,
      description: 'Go on without an answer after so many seconds. Leave it out to wait for as long as it takes',
    }),
  ),
});

async function askOne(
  ui: PromptUi,
  title: string,
  question: QuestionInput,
  limits: () => PromptLimits,
): Promise<string | undefined> {
  if (question.options.length === 0) return ui.input(title, 'Your answer', limits());
  for (;;) {
    const choice = await ui.select(title, choicesOf(question), limits());
    if (choice !== OWN_WORDS) return choice;
    const words = await ui.input(title, 'Your answer', limits());
    // Whoever closes the field wants the list back.
    if (words !== undefined && words.trim() !== '') return words;
  }
}

function asking(prompt: PromptOf<'question'>, signal?: AbortSignal): PromptRequest<QuestionAnswers> {
  const { questions, expiresAt } = prompt;
  return {
    prompt,
    signal,
    read: (value) => readAnswers(questions, value),
    expired: { kind: 'expired' },
    async walk(ui, stop) {
      const limits = () => ({
        signal: stop,
        promptId: prompt.id,
        ...(expiresAt === undefined ? {} : { timeout: Math.max(1, expiresAt - Date.now()) }),
      });
      const answers: string[] = [];
      for (const [index, question] of questions.entries()) {
        const count = questions.length > 1 ? `(${index + 1}/${questions.length}) ` : '';
        const answer = await askOne(ui, count + question.question, question, limits);
        if (answer === undefined) {
          const isExpired = expiresAt !== undefined && Date.now() >= expiresAt - EXPIRY_SLACK_MS;
          return isExpired && !stop.aborted ? { kind: 'expired' } : undefined;
        }
        answers.push(answer);
      }
      return { kind: 'answers', answers };
    },
  };
}

export interface QuestionTool extends PromptFeature<'question'> {
  /** Asks the people what a child session wants to know, by its trigger. */
  ask(forward: string, questions: QuestionInput[], isPlan: boolean): Promise<void>;
}

/**
 * `ask_user_question`: the agent asks, any screen answers, the answer is the tool's result. A question outlives its
 * process: the tool call itself cannot be taken up again by the SDK, so the next process opens the question under the
 * same id, and its answer reaches the agent as a message that says what it answers.
 */
export function questionTool({ pi, prompts, ui, deliverAnswer, link }: FeatureDeps): QuestionTool {
  pi.registerTool({
    name: 'ask_user_question',
    ...inWords('ask_user_question'),
    label: 'Ask',
    description:
      'Asks the person one or several questions and waits for the answers. Use it when you cannot decide on your own ' +
      'what they want, not to report or to be polite.',
    promptSnippet: 'Ask the person a question and wait for the answer',
    parameters: Parameters,
    executionMode: 'sequential',
    execute: async (toolCallId, params, signal, _onUpdate, ctx) => {
      const questions = params.questions.map(({ question, options = [] }) => ({ question, options }));
      const { timeoutSeconds } = params;
      const expires = timeoutSeconds === undefined ? {} : { expiresAt: Date.now() + timeoutSeconds * 1_000 };
      const prompt = { kind: 'question' as const, id: promptId(toolCallId), questions, ...expires };
      const asked = await prompts.ask(asking(prompt, signal), ctx.ui);
      if (asked.kind === 'left') return says(LEFT);
      return says(answersText(questions, asked.kind === 'answered' ? asked.value : undefined));
    },
  });
  const answered = (prompt: PromptOf<'question'>, asked: PromptOutcome<QuestionAnswers>) => {
    const answers = asked.kind === 'answered' && asked.value.kind === 'answers' ? asked.value.answers : undefined;
    if (asked.kind !== 'left') link?.forward(prompt, answers);
  };
  return {
    async ask(forward, questions, isPlan) {
      const about = isPlan ? { isPlan } : {};
      const prompt = { kind: 'question' as const, id: promptId(`f_${forward}`), questions, forward, ...about };
      answered(prompt, await prompts.ask(asking(prompt, link?.wanted(forward)), await ui));
    },
    async reopen(prompt) {
      const { forward } = prompt;
      if (forward !== undefined)
        return answered(prompt, await prompts.askAgain(asking(prompt, link?.wanted(forward)), ui));
      const asked = await prompts.askAgain(asking(prompt), ui);
      if (asked.kind !== 'answered') return;
      await deliverAnswer(lateAnswersText(prompt.questions, asked.value));
    },
  };
}
