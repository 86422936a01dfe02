/** What a browser's own words say of it, for a person: "Chrome on Android". Total over any text. */
export function deviceOf(userAgent: string): { name: string; phone: boolean } {
  const browser = first(userAgent, BROWSERS);
  const system = first(userAgent, SYSTEMS);
  const phone = /iPhone|Android.*Mobile|Mobile.*Firefox/.test(userAgent);
  const name = [browser, system].filter((part) => part !== undefined).join(' on ');
  return { name: name || userAgent.split(/[\s/]/, 1)[0] || 'Unknown browser', phone };
}

/** In this order: nearly every browser also claims to be one of those after it. */
const BROWSERS: readonly [RegExp, string][] = [
  [/Edg(e|A|iOS)?\//, 'Edge'],
  [/OPR\/|Opera/, 'Opera'],
  [/SamsungBrowser\//, 'Samsung Internet'],
  [/Firefox\/|FxiOS\//, 'Firefox'],
  [/Chrome\/|CriOS\/|Chromium\//, 'Chrome'],
  [/Safari\//, 'Safari'],
];
const SYSTEMS: readonly [RegExp, string][] = [
  [/iPhone/, 'iPhone'],
  [/iPad/, 'iPad'],
  [/Android/, 'Android'],
  [/CrOS/, 'ChromeOS'],
  [/Windows/, 'Windows'],
  [/Mac OS X|Macintosh/, 'macOS'],
  [/Linux/, 'Linux'],
];

const first = (text: string, among: readonly [RegExp, string][]): string | undefined =>
  among.find(([pattern]) => pattern.test(text))?.[1];
