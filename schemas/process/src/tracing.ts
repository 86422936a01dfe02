import type { Logger } from './logger.js';
import { noTracing, type Tracing } from './spans.js';

const ENDPOINTS = ['OTEL_EXPORTER_OTLP_ENDPOINT', 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'];

/**
 * Opens the export of spans where the environment names a collector of OpenTelemetry. Without one no code of
 * OpenTelemetry is loaded. A process runs on without spans when the export cannot be opened.
 */
export async function openTracing(
  service: string,
  { env, log, version }: { env: NodeJS.ProcessEnv; log: Logger; version?: string },
): Promise<Tracing> {
  if (!ENDPOINTS.some((name) => env[name] !== undefined && env[name] !== '')) return noTracing;
  try {
    const { openTelemetry } = await import('./openTelemetry.js');
    return openTelemetry(service, { env, log, version });
  } catch (err) {
    log.warn({ err }, 'spans cannot be exported; the process continues without them');
    return noTracing;
  }
}
