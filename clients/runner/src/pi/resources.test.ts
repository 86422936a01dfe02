import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { existsSync, realpathSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { listResources } from './resources.js';

let agentDir: string;
const proof = () => join(agentDir, 'it-ran');

async function write(path: string, text: string): Promise<void> {
  await mkdir(dirname(join(agentDir, path)), { recursive: true });
  await writeFile(join(agentDir, path), text);
}
const skill = (name: string, description: string) => `---\nname: ${name}\ndescription: ${description}\n---\nDo it.\n`;

beforeAll(async () => {
  agentDir = realpathSync(await mkdtemp(join(tmpdir(), 'pizzapi-resources-')));
  const runs = `import { writeFileSync } from 'node:fs';\nwriteFileSync(${JSON.stringify(proof())}, '');\nexport default () => {};\n`;
  await write('skills/pdf/SKILL.md', skill('pdf', 'Reads PDF files'));
  await write('skills/off/SKILL.md', skill('off', 'Is switched off'));
  await write('skills/broken/SKILL.md', '---\nname: broken\n---\nIt has no description.\n');
  await write('extensions/guard.ts', runs);
  await write('extensions/folder/index.ts', runs);
  await write(
    'kit/package.json',
    JSON.stringify({ name: '@ada/kit', description: 'A kit', pi: { extensions: ['./a.ts'], skills: ['./skills'] } }),
  );
  await write('kit/a.ts', runs);
  await write('kit/skills/bake/SKILL.md', skill('bake', 'Bakes'));
  await write(
    'settings.json',
    JSON.stringify({ skills: ['!**/off/**'], packages: [join(agentDir, 'kit'), 'npm:@ada/not-installed'] }),
  );
});
afterAll(() => rm(agentDir, { recursive: true }));

it('what pi loads on a host is listed without running an extension or installing a package', async () => {
  const { skills = [], agents, plugins = [] } = await listResources(agentDir);
  const ours = skills
    .filter(({ filePath }) => filePath.startsWith(agentDir))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  expect(ours).toEqual([
    { name: 'bake', description: 'Bakes', filePath: join(agentDir, 'kit/skills/bake/SKILL.md') },
    { name: 'pdf', description: 'Reads PDF files', filePath: join(agentDir, 'skills/pdf/SKILL.md') },
  ]);
  expect(agents).toEqual([]);
  expect(plugins.map(({ name }) => name).sort()).toEqual(['@ada/kit', 'folder', 'guard.ts']);
  expect(plugins.find(({ name }) => name === '@ada/kit')).toEqual({
    ...{ name: '@ada/kit', description: 'A kit', rootPath: join(agentDir, 'kit') },
  });
  expect(existsSync(proof())).toBe(false);
});

it('a host without any configuration of pi has no skills of its own', async () => {
  const { skills = [], plugins } = await listResources(join(agentDir, 'nothing'));
  expect(skills.filter(({ filePath }) => filePath.startsWith(agentDir))).toEqual([]);
  expect(plugins).toEqual([]);
});
