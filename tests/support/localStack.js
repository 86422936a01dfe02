import { endWithThisProcess } from '../bench/harness/endWithThisProcess.js';
import { TESTED_PI } from './testedPi.js';
import { localToken, readGatewaySecret } from '@pizzapi/process';
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
const CLI = fileURLToPath(new URL('../../clients/cli/dist/bundle/main.js', import.meta.url));
const READY_MS = 90_000;
/**
 * The product as a person starts it: `pizzapi local` in a home of its own, with a home folder of its own for the
 * person.
 */
export async function startLocalStack(env = {}, { files = {}, root = realpathSync(mkdtempSync(join(tmpdir(), 'pizzapi-stage-'))), port: fixedPort, flags = [], } = {}) {
    const home = join(root, 'state');
    const person = join(root, 'person');
    const project = join(person, 'project');
    mkdirSync(project, { recursive: true });
    for (const [path, content] of Object.entries(files)) {
        mkdirSync(dirname(join(person, path)), { recursive: true });
        writeFileSync(join(person, path), content);
    }
    const full = {
        ...process.env,
        HOME: person,
        // A new home reuses the nats-server that was downloaded already.
        XDG_CACHE_HOME: process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'),
        PIZZAPI_DEMO_SPEED: '600',
        // Whatever pi is installed on the machine of the test.
        PIZZAPI_PI: TESTED_PI,
        ...env,
    };
    for (const name of Object.keys(full))
        if (/_API_KEY$/.test(name))
            delete full[name];
    let child;
    let port = fixedPort ?? 0;
    const start = async () => {
        child = spawn(process.execPath, [CLI, 'local', '--home', home, '--port', String(port), '--no-open', '--json', ...flags], {
            env: full,
            stdio: ['ignore', 'pipe', 'pipe'],
        });
        endWithThisProcess(child, root);
        const address = await firstLine(child);
        port = fixedPort ?? Number(new URL(address.url).port);
        return { ...address, pageUrl: new URL(address.loginUrl).origin };
    };
    const address = await start();
    const secret = readGatewaySecret(home);
    if (secret === undefined)
        throw new Error('the gateway left no secret');
    const stage = {
        ...address,
        home,
        project,
        token: localToken(secret),
        pid: child.pid,
        stop: async () => {
            if (child.exitCode !== null || child.signalCode !== null)
                return;
            const gone = new Promise((resolve) => child.once('exit', resolve));
            child.kill('SIGTERM');
            await gone;
        },
        restart: async () => {
            await stage.stop();
            Object.assign(stage, await start(), { pid: child.pid });
        },
        clear: async () => {
            await stage.stop();
            rmSync(root, { recursive: true, force: true, maxRetries: 5 });
        },
    };
    return stage;
}
let shared;
/**
 * Returns the installation of this test process, for files that neither stop one of its services nor create accounts.
 * It ends with the process.
 */
export async function shareLocalStack() {
    const stage = await (shared ??= startLocalStack());
    return { ...stage, release: () => emptyStack(stage) };
}
async function emptyStack({ url, token, project }) {
    const headers = { authorization: `Bearer ${token}` };
    const firstPage = async () => {
        const listed = await fetch(`${url}/api/sessions`, { headers });
        return (await listed.json()).sessions;
    };
    for (let page = await firstPage(); page.length > 0; page = await firstPage()) {
        for (const { sessionId } of page) {
            const { status } = await fetch(`${url}/api/sessions/${sessionId}`, { method: 'DELETE', headers });
            if (status !== 204 && status !== 404)
                throw new Error(`The session ${sessionId} was not deleted: ${status}`);
        }
    }
    for (const path of [project, join(dirname(project), '.pi', 'agent', 'sessions')])
        rmSync(path, { recursive: true, force: true, maxRetries: 5 });
    mkdirSync(project);
}
async function firstLine(child) {
    let out = '';
    let err = '';
    child.stdout.on('data', (data) => (out += data.toString()));
    child.stderr.on('data', (data) => (err += data.toString()));
    const until = Date.now() + READY_MS;
    while (!out.includes('\n')) {
        if (child.exitCode !== null || Date.now() > until)
            throw new Error(`pizzapi local did not become ready:\n${err}`);
        await delay(50);
    }
    return JSON.parse(out.slice(0, out.indexOf('\n')));
}
//# sourceMappingURL=localStack.js.map