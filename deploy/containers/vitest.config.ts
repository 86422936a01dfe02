import { defineConfig } from 'vitest/config';

/** `npm run test:containers`: builds the images and starts them. It is no part of `npm test`, because it takes minutes. */
export default defineConfig({
  resolve: { conditions: ['@pizzapi/source', 'module', 'node', 'development|production'] },
  ssr: { resolve: { conditions: ['@pizzapi/source', 'module', 'node', 'development|production'] } },
  test: {
    include: ['deploy/containers/src/**/*.containers.ts'],
    testTimeout: 300_000,
    hookTimeout: 1_800_000,
    fileParallelism: false,
  },
});
