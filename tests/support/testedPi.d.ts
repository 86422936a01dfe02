/** The value of `--pi` for the processes that tests start: never the pi that happens to be on this machine. */
export declare const TESTED_PI: string;
/** Has the packages that our sources import mean those of another pi. */
export declare const piAliases: {
    find: RegExp;
    replacement: string;
}[];
//# sourceMappingURL=testedPi.d.ts.map