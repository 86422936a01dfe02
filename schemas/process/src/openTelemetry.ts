import {
  createTraceState,
  diag,
  DiagLogLevel,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  TraceFlags,
  type Attributes,
  type Context,
} from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { defaultResource, detectResources, envDetector, resourceFromAttributes } from '@opentelemetry/resources';
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  BasicTracerProvider,
  BatchSpanProcessor,
  ParentBasedSampler,
  TraceIdRatioBasedSampler,
  type Sampler,
} from '@opentelemetry/sdk-trace-base';
import type { TraceContext } from '@pizzapi/protocol';
import type { Logger } from './logger.js';
import type { SpanAttributes, SpanOptions, Tracing } from './spans.js';
import { withTimeout } from './withTimeout.js';

/** How long the last spans of a process may take to the collector, in ms. */
const CLOSE_MS = 2_000;
/** Between two warnings that the collector does not take spans, in ms. */
const WARN_EVERY_MS = 60_000;

const KINDS = { server: SpanKind.SERVER, consumer: SpanKind.CONSUMER, internal: SpanKind.INTERNAL };

/** The only module that loads OpenTelemetry, and only `openTracing` loads it. */
export function openTelemetry(
  service: string,
  { env, log, version }: { env: NodeJS.ProcessEnv; log: Logger; version?: string | undefined },
): Tracing {
  warnOfFailures(log);
  const own = resourceFromAttributes({
    'service.name': env['OTEL_SERVICE_NAME'] || `pizzapi-${service}`,
    ...(version === undefined ? {} : { 'service.version': version }),
  });
  const provider = new BasicTracerProvider({
    resource: defaultResource()
      .merge(detectResources({ detectors: [envDetector] }))
      .merge(own),
    sampler: samplerOf(env),
    spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())],
  });
  const tracer = provider.getTracer('pizzapi');
  return {
    isOn: true,
    start(name, { parent, kind = 'internal', attributes = {} }: SpanOptions) {
      const options = { kind: KINDS[kind], attributes: given(attributes) };
      const span = tracer.startSpan(name, options, parent === undefined ? ROOT_CONTEXT : contextOf(parent));
      const { traceId, spanId, traceFlags, traceState } = span.spanContext();
      const state = traceState?.serialize();
      return {
        context: {
          ...{ traceId, spanId, isSampled: (traceFlags & TraceFlags.SAMPLED) !== 0 },
          ...(state === undefined || state === '' ? {} : { state }),
        },
        end(error, more) {
          if (more !== undefined) span.setAttributes(given(more));
          if (error !== undefined) span.setStatus({ code: SpanStatusCode.ERROR, message: error });
          span.end();
        },
      };
    },
    async close() {
      await withTimeout(
        provider.shutdown().catch(() => undefined),
        CLOSE_MS,
      );
    },
  };
}

function contextOf({ traceId, spanId, isSampled, state }: TraceContext): Context {
  const traceFlags = isSampled ? TraceFlags.SAMPLED : TraceFlags.NONE;
  const traceState = state === undefined ? {} : { traceState: createTraceState(state) };
  return trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags, isRemote: true, ...traceState });
}

/**
 * The page records no spans, so that its context is not sampled: the first process that does decides. All decide alike,
 * because a ratio looks at the id of the trace.
 */
function samplerOf(env: NodeJS.ProcessEnv): Sampler {
  const name = env['OTEL_TRACES_SAMPLER'] ?? '';
  const ratio = Number(env['OTEL_TRACES_SAMPLER_ARG'] ?? 1);
  const root = name.endsWith('traceidratio')
    ? new TraceIdRatioBasedSampler(Number.isFinite(ratio) ? ratio : 1)
    : name.endsWith('always_off')
      ? new AlwaysOffSampler()
      : new AlwaysOnSampler();
  return new ParentBasedSampler({ root, remoteParentNotSampled: root });
}

function given(attributes: SpanAttributes): Attributes {
  return Object.fromEntries(Object.entries(attributes).filter(([, value]) => value !== undefined));
}

/** The exporter reports by a logger of its own. */
function warnOfFailures(log: Logger): void {
  let warnedAt = 0;
  const warn = (message: string): void => {
    if (Date.now() - warnedAt < WARN_EVERY_MS) return;
    warnedAt = Date.now();
    log.warn({ why: message.slice(0, 500) }, 'spans were not exported');
  };
  const ignore = (): void => undefined;
  const logger = { error: warn, warn, info: ignore, debug: ignore, verbose: ignore };
  diag.setLogger(logger, { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true });
}
