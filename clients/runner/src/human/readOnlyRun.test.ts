import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { readOnlyCommand, readOnlyEnv, readOnlyPath } from './readOnlyRun.js';

describe('a script that only reads', () => {
  it('finds programs of the system and of the person, none of the folder and none by way of shims', () => {
    const path = [
      ...['', '.', 'bin', '/mine', '/mine/bin', '/mine/node_modules/.bin', '/other/node_modules/.bin', '/mineshop/bin'],
      ...['/home/ann/.asdf/shims', '/home/ann/.volta/bin', '/home/ann/.local/bin', '/usr/bin', '/bin'],
    ].join(':');
    expect(readOnlyPath(path, '/mine', '/home/ann')).toBe('/mineshop/bin:/home/ann/.local/bin:/usr/bin:/bin');
    expect(readOnlyPath('/home/ann/bin:/usr/bin', '/home/ann', '/home/ann')).toBe('/home/ann/bin:/usr/bin');
    expect(readOnlyPath('/home/ann/bin:/usr/bin', '/', '/home/ann')).toBe('/home/ann/bin:/usr/bin');
    expect(readOnlyPath('/usr/local/bin:/usr/bin', '/usr', '/home/ann')).toBe('/usr/local/bin:/usr/bin');
  });

  it('has an environment without what makes a program run another, or find it', () => {
    const unwanted = {
      ...{ LD_PRELOAD: 'x.so', DYLD_INSERT_LIBRARIES: 'x', BASH_ENV: 'x', ENV: 'x', 'BASH_FUNC_ls%%': '() { :; }' },
      ...{
        GIT_DIR: 'x',
        GIT_EXTERNAL_DIFF: 'x',
        RIPGREP_CONFIG_PATH: 'x',
        LESSOPEN: '|x',
        CDPATH: '/',
        SHELLOPTS: 'x',
      },
    };
    const env = readOnlyEnv(
      { HOME: '/home/ann', PATH: '/usr/bin', LANG: 'de_DE.UTF-8', TOKEN: 'x', ...unwanted },
      '/mine',
    );
    expect(env).toMatchObject({ HOME: '/home/ann', PATH: '/usr/bin', LANG: 'de_DE.UTF-8', TOKEN: 'x' });
    for (const name of Object.keys(unwanted)) expect(env[name], name).toBeUndefined();
    expect(env['LC_ALL']).toBeUndefined();
    expect(readOnlyEnv({ LANG: 'ja_JP.SJIS' }, '/mine')['LC_ALL']).toBe('C');
    expect(readOnlyEnv({ Path: '/usr/bin:.' }, '/mine')['Path']).toBe('/usr/bin');
  });

  it('runs as it is written, whatever characters are in it', () => {
    const run = (script: string) => {
      const line = readOnlyCommand(script, '/bin/bash');
      return spawnSync('/bin/bash', ['-c', line], { encoding: 'utf8', env: readOnlyEnv(process.env, '/mine') });
    };
    expect(run(`printf '%s|' "it's" 'a"b' \\$x "\\\\" 'c\nd'; echo "$#$0"`).stdout).toBe(
      `it's|a"b|$x|\\|c\nd|0/bin/bash\n`,
    );
    expect(run('true\nnosuch-program').stderr).toContain('line 2: nosuch-program: command not found');
    expect(run('type -t git').stdout).toBe('function\n');
    expect(run('exit 3').status).toBe(3);
    expect(run('git --version').stdout).toMatch(/^git version /);
    expect(run('git').status).toBe(1);
  });
});
