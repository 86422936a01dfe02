import { GATEWAY_NODE_FLAGS, OWN_SECRETS } from '@pizzapi/process';
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { dockerfileProblems, instructionsFor, parseDockerfile, TARGETS } from './dockerfile.js';

const text = readFileSync(new URL('../Dockerfile', import.meta.url), 'utf8');
const problems = (change: (text: string) => string) => dockerfileProblems(change(text), OWN_SECRETS);

it('every image runs as a numeric user without a shell, checks its health, and has no secret in a layer', () => {
  expect(problems((same) => same)).toEqual([]);
  expect(parseDockerfile(text).stages.map(({ name }) => name)).toEqual(expect.arrayContaining([...TARGETS]));
});

it.each<[string, string | RegExp, string, string]>([
  ['a missing target', 'AS gateway', 'AS portal', 'there is no target gateway'],
  [
    'a user by name',
    /USER 10001:10001\n(?=HEALTHCHECK NONE)/,
    'USER node\n',
    'provision runs as "node", which is no number',
  ],
  ['root', /USER 10001:10001\n/g, '', 'runner runs as "", which is no number'],
  ['a shell', /ENTRYPOINT \["node", .*/, 'ENTRYPOINT node main.js', 'gateway starts a shell'],
  ['no health check', /HEALTHCHECK --.*\n/, '', 'gateway checks its health by a shell, or not at all'],
  ['curl', '["node", "/app/healthcheck.mjs"]', '["curl", "x"]', 'gateway needs another program to check its health'],
  [
    'a secret',
    'ENV PIZZAPI_PI=bundled',
    'ENV PIZZAPI_RUNNER_TOKEN=x',
    'runner has the secret PIZZAPI_RUNNER_TOKEN in a layer',
  ],
  ['a secret argument', 'ARG VERSION', 'ARG NPM_TOKEN\nARG VERSION', 'process has the secret NPM_TOKEN in a layer'],
  [
    'files of the checkout',
    'COPY --from=build /out/runner',
    'COPY . /x\nCOPY --from=build /out/runner',
    'runner copies files',
  ],
  ['a fixed base', 'FROM ${BASE_IMAGE}', 'FROM debian', 'process is based on debian, which is no argument'],
  ['no label', 'org.opencontainers.image.licenses="MIT"', 'x="y"', 'gateway lacks a label'],
])('the rules of images refuse %s', (_name, before, after, problem) => {
  expect(problems((good) => good.replace(before, after)).join('\n')).toContain(problem);
});

it('the gateway has the options of Node that it has in a local run', () => {
  const entry = instructionsFor(parseDockerfile(text).stages, 'gateway').find(({ name }) => name === 'ENTRYPOINT');
  expect(JSON.parse(entry!.text)).toEqual(['node', ...GATEWAY_NODE_FLAGS, '/app/dist/bundle/main.js']);
});

it('the build context has no secrets, no history and nothing that was built or installed', () => {
  const lines = readFileSync(new URL('../../../.dockerignore', import.meta.url), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
  expect(lines[0]).toBe('*');
  const kept = lines.filter((line) => line.startsWith('!'));
  expect(kept.filter((line) => /git|secret|env$/.test(line))).toEqual([]);
  // The last line that fits a file decides.
  expect(lines.slice(lines.lastIndexOf(kept.at(-1)!) + 1)).toEqual(
    expect.arrayContaining(['**/node_modules', '**/dist', '**/secrets', '**/.env', '**/models.env']),
  );
});
