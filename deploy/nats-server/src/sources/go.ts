import { join } from 'node:path';
import { binaryName, keepInCache, withWorkFolder } from '../cache.js';
import { failureOf, run } from '../run.js';
import type { InstallContext, Source } from '../source.js';
import { RELEASE_VERSION } from '../version.js';

const MODULE = `github.com/nats-io/nats-server/v2@v${RELEASE_VERSION}`;
const VERSION_TIMEOUT_MS = 10_000;
const BUILD_TIMEOUT_MS = 15 * 60_000;

/** Builds nats-server with the installed Go, which checks the modules against its checksum database. */
export function goSource(context: InstallContext): Source {
  const missing = async () =>
    failureOf('go', await run('go', ['version'], { env: context.env, timeoutMs: VERSION_TIMEOUT_MS }));
  return {
    name: 'go install',
    async check() {
      const why = await missing();
      return why === null ? { kind: 'fetch', what: `go install ${MODULE}` } : { kind: 'unavailable', why };
    },
    async obtain() {
      const why = await missing();
      if (why !== null) return { kind: 'failed', why };
      return withWorkFolder(context, async (work) => {
        context.progress(`building ${MODULE} with go (one to two minutes)`);
        const env = { ...context.env, GOBIN: work };
        const result = await run('go', ['install', MODULE], { env, cwd: work, timeoutMs: BUILD_TIMEOUT_MS });
        const failure = failureOf('go install', result);
        if (failure !== null) return { kind: 'failed', why: failure };
        return keepInCache(context, join(work, binaryName(context.platform)));
      });
    },
  };
}
