import { errorInfo, THINKING_LEVELS, type ErrorInfo, type SessionEvent, type ThinkingLevel } from '@pizzapi/protocol';
import { authSource, findModel, modelName, toMetaModel, toRunnerModel, type PiModel } from '../models.js';
import type { Outcome, PiSessionState } from '../types.js';
import { UsageMeter } from '../usage.js';
import type { BoundPi } from './boundPi.js';

type PiThinkingLevel = Parameters<BoundPi['pi']['setThinkingLevel']>[0];

/** The levels that every pi has. Of a higher one, pi takes the nearest that the model has. */
const PI_LEVELS: readonly string[] = ['off', 'minimal', 'low', 'medium', 'high', 'xhigh'];
const isPiLevel = (level: string): level is PiThinkingLevel => PI_LEVELS.includes(level);

type ModelState = Pick<PiSessionState, 'model' | 'thinkingLevel' | 'thinkingLevels' | 'models'>;

/** The model of a plain pi, its thinking level, its login, and what the session has used. */
export class PlainModel {
  readonly #usage = new UsageMeter();

  constructor(
    { ctx }: BoundPi,
    private readonly emit: (event: SessionEvent) => void,
  ) {
    for (const entry of ctx.sessionManager.getEntries()) if (entry.type === 'message') this.#usage.add(entry.message);
  }

  async set({ pi, ctx }: BoundPi, name: string): Promise<Outcome<{ model: string }>> {
    const model = findModel(ctx.modelRegistry, name);
    if (model === undefined)
      return { kind: 'failed', error: errorInfo('model_unknown', `There is no model "${name}"`) };
    if (await pi.setModel(model)) return { kind: 'ok', model: name };
    return { kind: 'failed', error: errorInfo('model_unauthenticated', `There is no key for "${name}"`) };
  }

  setThinkingLevel({ pi }: BoundPi, level: ThinkingLevel): Outcome<{ level: ThinkingLevel }> {
    if (!THINKING_LEVELS.includes(level)) {
      return { kind: 'failed', error: errorInfo('command_invalid', `There is no thinking level "${level}"`) };
    }
    // pi 0.73 turns thinking off at a level that it does not know.
    if (isPiLevel(level)) pi.setThinkingLevel(level);
    if (level !== 'off' && (!isPiLevel(level) || pi.getThinkingLevel() === 'off')) pi.setThinkingLevel('xhigh');
    return { kind: 'ok', level: pi.getThinkingLevel() };
  }

  /** Why pi would refuse an input now. */
  problem({ ctx }: BoundPi): ErrorInfo | undefined {
    const { model } = ctx;
    if (model === undefined) return errorInfo('model_unauthenticated', 'No model is chosen in this terminal');
    if (ctx.modelRegistry.hasConfiguredAuth(model)) return undefined;
    return errorInfo('model_unauthenticated', `There is no key for "${modelName(model)}"`);
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

  /** Adds a message to what the session has used, and reports the sum. */
  used(message: object, bound: BoundPi): void {
    this.#usage.add(message);
    this.reportUsage(bound);
  }

  reportUsage({ ctx }: BoundPi): void {
    this.emit({
      type: 'token_usage_updated',
      at: Date.now(),
      tokenUsage: this.#usage.read(ctx.getContextUsage()),
    });
  }
}

/** The thinking levels of a model, as pi offers them: its map names those that it lacks, and whether it has the highest. */
export function levelsOf({
  reasoning,
  thinkingLevelMap,
}: Pick<PiModel, 'reasoning' | 'thinkingLevelMap'>): ThinkingLevel[] {
  if (!reasoning) return ['off'];
  const levels = new Map<string, string | null>(Object.entries(thinkingLevelMap ?? {}));
  return THINKING_LEVELS.filter((level) => {
    const mapped = levels.get(level);
    return level === 'xhigh' || level === 'max' ? mapped !== undefined && mapped !== null : mapped !== null;
  });
}
