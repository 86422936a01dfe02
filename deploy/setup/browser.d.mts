type Find = (env?: Readonly<Record<string, string | undefined>>, platform?: NodeJS.Platform) => string | undefined;

export const findChromium: Find;
export const findWholeChromium: Find;
