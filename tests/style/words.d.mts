export const DENIED: readonly string[];
export function countDenied(text: string): Record<string, number>;
export function proseOf(markdown: string): string;
export function addCounts(sum: Record<string, number>, counts: Record<string, number>): Record<string, number>;
export function risen(allowed: Record<string, number>, counts: Record<string, number>): string[];
