import type { StreamConfig } from '@nats-io/jetstream';
import { CodedError } from '@pizzapi/protocol';
import { isDeepStrictEqual } from 'node:util';
import { bucketStream, MAX_PARTS_BYTES, type StreamSpec } from './streams.js';

/** Fields whose absence from the server's answer means a default of ours. */
const ABSENT: Partial<Record<keyof StreamConfig, unknown>> = {
  max_age: 0,
  sealed: false,
  allow_direct: false,
  deny_delete: false,
  allow_rollup_hdrs: false,
  allow_msg_ttl: false,
  subject_delete_marker_ttl: 0,
};

/** Whether a stream gets less than it wants on a small disk: parts of blobs, which leave it soon. */
export const isReservation = ({ name, max_bytes }: StreamSpec): boolean =>
  name === bucketStream('blob-parts') && max_bytes === MAX_PARTS_BYTES;
const isLess = (bytes = 0, than = 0): boolean => bytes > 0 && bytes < than;

/** The fields of `spec` that `actual` does not have as written. */
export function driftOf(spec: StreamSpec, actual: Partial<StreamConfig>): (keyof StreamConfig)[] {
  return (Object.keys(spec) as (keyof StreamConfig)[]).filter(
    (field) =>
      !isDeepStrictEqual(spec[field], actual[field] ?? ABSENT[field]) &&
      !(field === 'max_bytes' && isReservation(spec) && isLess(actual.max_bytes, spec.max_bytes)),
  );
}

export function drift(
  spec: StreamSpec,
  actual: Partial<StreamConfig>,
  field: keyof StreamConfig,
  cause?: unknown,
): CodedError {
  const show = (value: unknown): string => JSON.stringify(value) ?? 'nothing';
  const what = `${spec.name}.${field} is ${show(actual[field])}, needed is ${show(spec[field])}`;
  return new CodedError('stream_drift', what, cause === undefined ? undefined : { cause });
}
