/** How a bundler finds the sources of our packages. */
export const FROM_SOURCES: { conditionNames: string[]; extensionAlias: Record<string, string[]> };
