/** Returns the first value of `look` that is neither undefined nor false. Throws an error with `what` after `ms`. */
export declare function until<T>(what: string, look: () => T | undefined | false | Promise<T | undefined | false>, ms?: number): Promise<T>;
//# sourceMappingURL=until.d.ts.map