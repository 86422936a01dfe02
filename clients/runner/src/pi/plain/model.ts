import { errorInfo, THINKING_LEVELS, type ErrorInfo, type SessionEvent, type ThinkingLevel } from '@pizzapi/protocol';
import { authSource, findModel, modelName, modelProblem, toMetaModel, toRunnerModel, type PiModel } from '../models.js';
import type { Outcome, PiSessionState } from '../types.js';
import { UsageMeter } from '../usage.js';
import type { BoundPi } from './boundPi.js';

type ModelState = Pick<PiSessionState, 'model' | 'thinkingLevel' | 'thinkingLevels' | 'models'>;

/** The model of a plain pi, its thinking level, its login, and what the session has used. */
export class PlainModel {
  readonly #usage = new UsageMeter();

  constructor(private readonly emit: (event: SessionEvent) => void) {}

  async set({ pi, ctx }: BoundPi, name: string): Promise<Outcome<{ model: string }>> {
    const model = findModel(ctx.modelRegistry, name);
    const error = modelProblem(ctx.modelRegistry, name);
    if (model !== undefined && error === undefined && (await pi.setModel(model))) return { kind: 'ok', model: name };
    return {
      kind: 'failed',
      error: error ?? errorInfo('model_unauthenticated', `pi does not take the model "${name}"`),
    };
  }

  /** Sets the level, or the highest below it that pi has: pi 0.73 turns thinking off at a level that it does not know. */
  setThinkingLevel({ pi }: BoundPi, level: ThinkingLevel): Outcome<{ level: ThinkingLevel }> {
    const at = THINKING_LEVELS.indexOf(level);
    if (at < 0) return { kind: 'failed', error: errorInfo('command_invalid', `There is no thinking level "${level}"`) };
    for (const wish of THINKING_LEVELS.slice(0, at + 1).reverse()) {
      // The declarations of the pi that runs may have fewer levels.
      Reflect.apply(pi.setThinkingLevel.bind(pi), undefined, [wish]);
      if (pi.getThinkingLevel() === wish) break;
    }
    return { kind: 'ok', level: pi.getThinkingLevel() };
  }

  /** Why pi would refuse an input now. */
  problem({ ctx }: BoundPi): ErrorInfo | undefined {
    const { model } = ctx;
    if (model === undefined) return errorInfo('model_unauthenticated', 'No model is chosen in this terminal');
    return modelProblem(ctx.modelRegistry, modelName(model));
  }

  state({ pi, ctx }: BoundPi): ModelState {
    const model = ctx.model as PiModel | undefined;
    return {
      model: model === undefined ? '' : modelName(model),
      thinkingLevel: pi.getThinkingLevel(),
      thinkingLevels: model === undefined ? [] : levelsOf(model),
      models: ctx.modelRegistry.getAvailable().map((each) => toRunnerModel(each, true)),
    };
  }

  /** Reports which model, thinking level and login the session has now, and what it has used. */
  report(bound: BoundPi): void {
    const { pi, ctx } = bound;
    const at = Date.now();
    const model = ctx.model as PiModel | undefined;
    this.emit({ type: 'model_changed', at, model: model === undefined ? null : toMetaModel(model) });
    this.emit({ type: 'thinking_level_changed', at, level: pi.getThinkingLevel() });
    const source = model === undefined ? null : authSource(ctx.modelRegistry, model);
    this.emit({ type: 'auth_source_changed', at, source });
    this.reportUsage(bound);
  }

  /** Adds what pi has recorded since, in answers and beside them, and reports the sum. */
  reportUsage({ ctx }: BoundPi): void {
    this.#usage.addNew(ctx.sessionManager.getEntries());
    this.emit({
      type: 'token_usage_updated',
      at: Date.now(),
      tokenUsage: this.#usage.read(ctx.getContextUsage()),
    });
  }
}

/** The levels that a model has only where its map names them. */
const EXTRA: ReadonlySet<ThinkingLevel> = new Set(['xhigh', 'max']);

/** The thinking levels of a model, as pi offers them: its map says which ones it lacks, and which of the highest it has. */
export function levelsOf({
  reasoning,
  thinkingLevelMap = {},
}: Pick<PiModel, 'reasoning' | 'thinkingLevelMap'>): ThinkingLevel[] {
  if (!reasoning) return ['off'];
  const map: Readonly<Record<string, unknown>> = thinkingLevelMap;
  return THINKING_LEVELS.filter((level) => map[level] !== null && (!EXTRA.has(level) || map[level] !== undefined));
}
