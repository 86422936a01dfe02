/** Where pi takes the key for a model from, in words. */
const SOURCES: Readonly<Record<string, string>> = {
  oauth: 'sign-in at the provider',
  stored: 'pi',
  runtime: 'option of the runner',
  environment: 'environment variable',
  fallback: 'provider settings',
  models_json_key: 'models.json',
  models_json_command: 'command in models.json',
  demo: 'not needed',
};

/** Says where a key comes from. A source of a later version of pi is named as pi names it, in words. */
export function keySource(source: string): string {
  return SOURCES[source] ?? source.replaceAll('_', ' ');
}
