/** The product, running for a test. */
export interface RunningStack {
    url: string;
    loginUrl: string;
    /** The address of the page. */
    pageUrl: string;
    natsUrl: string;
    home: string;
    /** A folder in which sessions may start. */
    project: string;
    /** The owner's bearer token. */
    token: string;
    /** Process id of `pizzapi local`. */
    pid: number;
}
/** An installation of one test file. */
export interface LocalStack extends RunningStack {
    /** Stops the stack and waits until all its processes ended. The home remains. */
    stop(): Promise<void>;
    /** Stops the stack, if it runs, and starts it again on the same home and port. */
    restart(): Promise<void>;
    /** Stops the stack and removes the home. */
    clear(): Promise<void>;
}
interface LocalStackOptions {
    /** Files that exist before the start, by their path in the person's home folder. */
    files?: Readonly<Record<string, string>>;
    /** An existing folder for the home and the person, such as a small disk. Default: a new one, which `clear` removes. */
    root?: string;
    /** The port of the gateway, for a stack behind a proxy. Default: any. */
    port?: number;
    /** Further flags of `pizzapi local`. */
    flags?: readonly string[];
}
/**
 * The product as a person starts it: `pizzapi local` in a home of its own, with a home folder of its own for the
 * person.
 */
export declare function startLocalStack(env?: NodeJS.ProcessEnv, { files, root, port: fixedPort, flags, }?: LocalStackOptions): Promise<LocalStack>;
/** An installation that several test files use, one after the other. */
export interface SharedStack extends RunningStack {
    /** Deletes all sessions, with pi's files of them, and the files of the project. */
    release(): Promise<void>;
}
/**
 * Returns the installation of this test process, for files that neither stop one of its services nor create accounts.
 * It ends with the process.
 */
export declare function shareLocalStack(): Promise<SharedStack>;
export {};
//# sourceMappingURL=localStack.d.ts.map