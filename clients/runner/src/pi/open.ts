import { statSync } from 'node:fs';
import {
  createAgentSessionFromServices,
  createAgentSessionServices,
  getAgentDir,
  initTheme,
  SessionManager,
} from '@mariozechner/pi-coding-agent';
import { errorInfo, type ErrorInfo } from '@pizzapi/protocol';
import { bashTap } from './bashTap.js';
import { pictures } from './pictures.js';
import { forwardExtensionEvents } from './forwardExtensionEvents.js';
import { demoTools } from './demo/tools.js';
import { humanExtension } from './human/extension.js';
import { linkOf, seenBy } from './linked/hosted.js';
import { authSource, bareServices, initialModel, modelName, modelProblem } from './models.js';
import { SessionParts } from './parts.js';
import { hasBuiltIn, loaderOptions, toolOptions, toolProblem } from './piOptions.js';
import { HostedPiSession } from './session.js';
import { loadingStep } from './extensionFiles.js';
import { recordedModel } from './file/entryRepair.js';
import { repairNotices } from './file/repairNotices.js';
import { writeSalvagedCopy } from './file/salvagedCopy.js';
import { checkPiSessionFile, endLastLine, repairOpenEntries, type ParsedFile } from './sessionFile.js';
import { unpairedCalls } from './repairedHistory.js';
import { sessionDirOf } from './sessionDir.js';
import { readOnlySettings } from './settings.js';
import { toPiThinkingLevel } from './thinkingLevels.js';
import { ProjectTrust } from './trust/projectTrust.js';
import { trustCommand } from './trust/folderTrustPrompt.js';
import type { OpenOptions, OpenOutcome } from './types.js';
import { chooseModelText, modelOrStandIn } from './unusableModel.js';
import { withBuiltInExtensions } from './versions/builtInExtensions.js';
import { modelServices } from './versions/configReferences.js';
import { modelRegistryOf } from './versions/modelRegistry.js';

const refused = (error: ErrorInfo): OpenOutcome => ({ kind: 'refused', error });

function cwdProblem(cwd: string): ErrorInfo | undefined {
  const stat = statSync(cwd, { throwIfNoEntry: false });
  if (stat === undefined) return errorInfo('cwd_not_found', `There is no folder ${cwd}`);
  return stat.isDirectory() ? undefined : errorInfo('cwd_not_a_folder', `${cwd} is not a folder`);
}

/**
 * Opens a session of pi in a folder, new or continued, under the person's own configuration. Nothing is written and no
 * extension started when it is refused (`cwd_not_found`, `cwd_not_a_folder`, `model_unknown`, `model_unauthenticated`,
 * `tool_unknown`, `file_not_found`, `file_invalid`, `file_truncated`, `file_damaged`, `file_empty`). Call `start()` on the session next.
 */
export async function openPiSession(options: OpenOptions): Promise<OpenOutcome> {
  const { cwd, agentDir = getAgentDir(), sessionFile, isResumed: isOwn = false } = options;
  const problem = cwdProblem(cwd);
  if (problem !== undefined) return refused(problem);
  const { onStep } = options;
  if (sessionFile !== undefined) onStep?.(`reading ${sessionFile}`);
  const salvage = options.salvage === true || isOwn;
  const parsed = sessionFile === undefined ? undefined : checkPiSessionFile(sessionFile, { isOwn, salvage });
  if (parsed !== undefined && 'code' in parsed) return refused(parsed);

  const isChild = options.linked?.parentSessionId !== undefined;
  const trust = new ProjectTrust({ cwd, agentDir, pi: options.pi, isChild });
  const { settings } = trust;
  initTheme(settings.getTheme());
  const parts: SessionParts = new SessionParts(seenBy(options.sink, () => parts.linked));
  const opened: { session?: HostedPiSession } = {};
  parts.trust = trust;
  parts.linked = linkOf(options, parts, () => opened.session);
  const emit = parts.emit.bind(parts);
  const limits = options.pi?.approvals;
  // A session that may not do everything by itself has to be able to ask.
  if (
    limits !== undefined ||
    options.pi?.goal !== undefined ||
    (options.human ?? process.env['PIZZAPI_HUMAN'] !== 'off')
  ) {
    parts.human = humanExtension({
      cwd,
      agentDir,
      emit,
      approvals: options.approvals ?? (process.env['PIZZAPI_APPROVALS'] === 'ask' ? 'ask' : 'allow'),
      expect: parts.dialogs.expect.bind(parts.dialogs),
      deliverAnswer: async (text) => opened.session?.deliverAnswer(text),
      limits,
      ...(options.pi?.goal === undefined ? {} : { goal: options.pi.goal }),
      readOnlyCalls: parts.readOnlyCalls,
      ...(parts.linked === undefined ? {} : { link: parts.linked.forHuman }),
      onProviderUsage: (usage) => (parts.providerUsage = usage),
    });
    parts.modes = parts.human.modes;
    parts.linked?.useHuman(parts.human);
  }
  onStep?.(loadingStep(agentDir, trust, options.pi));
  const addBuiltIn = withBuiltInExtensions({ emit, isProjectTrusted: () => trust.isTrusted });
  const services = await createAgentSessionServices({
    cwd,
    agentDir,
    ...modelServices(agentDir),
    settingsManager: settings,
    ...trust.reloadOptions(),
    resourceLoaderOptions: addBuiltIn({
      ...trust.loaderOptions(loaderOptions(options.pi)),
      extensionFactories: [
        trustCommand(() => opened.session?.trust),
        ...(parts.human === undefined ? [] : [parts.human.factory]),
        ...(parts.linked === undefined ? [] : [parts.linked.factory]),
        forwardExtensionEvents(emit, (model) => authSource(modelRegistryOf(services), model)),
        demoTools(emit),
        pictures(),
        ...(hasBuiltIn(options.pi)
          ? [
              bashTap(cwd, settings, parts.readOnlyCalls, {
                begin: (toolCallId) => parts.tapped.add(toolCallId),
                text: (toolCallId, text) => parts.pieces.add({ kind: 'output', toolCallId }, text),
              }),
            ]
          : []),
      ],
    }),
  });
  onStep?.('preparing the session in pi');
  const modelRegistry = modelRegistryOf(services);
  const tools = toolProblem(options.pi, services);
  if (tools?.certain === true && options.isResumed !== true) return refused(tools.error);

  // A session that never had a model is recorded with an empty name.
  const asked = options.modelMayBeMissing === true && options.model === '' ? undefined : options.model;
  const refusal =
    asked === undefined || options.modelMayBeMissing === true ? undefined : modelProblem(modelRegistry, asked);
  if (refusal !== undefined) return refused(refusal);
  const dir = sessionDirOf(cwd, agentDir, settings);
  const sessionManager =
    sessionFile === undefined || parsed === undefined
      ? SessionManager.create(cwd, dir)
      : continueFile(sessionFile, parsed, dir, cwd);
  // A continued session keeps its model; a new one gets one that works.
  const before = recordedModelOf(sessionManager);
  const wanted = asked ?? before;
  const { model, problem: unusable } =
    wanted === undefined
      ? { model: await initialModel(services), problem: undefined }
      : modelOrStandIn(modelRegistry, wanted);

  const thinkingLevel = toPiThinkingLevel(options.thinkingLevel);
  const { session, modelFallbackMessage } = await createAgentSessionFromServices({
    services,
    sessionManager,
    ...(model === undefined ? {} : { model }),
    ...(thinkingLevel === undefined ? {} : { thinkingLevel }),
    ...toolOptions(options.pi),
  });
  if (sessionFile !== undefined && model !== undefined && unusable === undefined && before !== modelName(model)) {
    sessionManager.appendModelChange(model.provider, model.id);
  }
  if (options.name !== undefined && options.name !== '') sessionManager.appendSessionInfo(options.name);

  const registryError = modelRegistry.getError();
  const warnings = [
    ...services.diagnostics.map(({ message }) => message),
    ...(tools === undefined ? [] : [tools.error.message]),
    // An extension of the person that replaces `bash` is no mistake: it wins over our own, which then reports a clash.
    ...services.resourceLoader
      .getExtensions()
      .errors.filter(({ path }) => !path.startsWith('<inline:'))
      .map(({ path, error }) => `${path}: ${error}`),
    ...(registryError === undefined ? [] : [registryError]),
    ...(unusable === undefined ? [] : [chooseModelText(unusable.message)]),
    ...(modelFallbackMessage === undefined ? [] : [modelFallbackMessage]),
    ...(sessionFile === undefined || parsed === undefined
      ? []
      : repairNotices(sessionFile, parsed, { isOwn, unpaired: unpairedCalls(session) })),
  ];
  opened.session = new HostedPiSession(session, parts, options, warnings);
  return { kind: 'opened', session: opened.session };
}

/** `provider/id` of the model that the session had last, where its file records one. */
function recordedModelOf(manager: SessionManager): string | undefined {
  const { model } = manager.buildSessionContext();
  return model === null ? undefined : recordedModel(model.provider, model.modelId);
}

/** Opens a checked file. The lines that pi cannot read are left out in a copy, which continues in its place. */
function continueFile(path: string, parsed: ParsedFile, dir: string, cwd: string): SessionManager {
  const file = parsed.needsCopy ? writeSalvagedCopy(path, parsed) : path;
  endLastLine(file);
  const manager = SessionManager.open(file, dir, cwd);
  repairOpenEntries(manager);
  return manager;
}

/** Does ahead what every session needs once per process: loads the SDK's modules and the theme. */
export async function warmUp(agentDir = getAgentDir()): Promise<void> {
  initTheme(readOnlySettings(agentDir, agentDir, () => false).getTheme());
  await bareServices(agentDir);
}
