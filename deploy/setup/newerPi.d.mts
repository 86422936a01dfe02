export function newerPiPrefix(env?: NodeJS.ProcessEnv): string;
export function newerPi(): Promise<void>;
