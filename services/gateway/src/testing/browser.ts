/** A browser as the gateway sees one: says where its page is from, and keeps the cookie it is given. */
export class Browser {
  cookie: string | undefined;

  constructor(
    private readonly url: string,
    private readonly headers: Record<string, string> = {},
  ) {}

  /** `json` makes it a POST. */
  async fetch(path: string, json?: unknown, method = json === undefined ? 'GET' : 'POST'): Promise<Response> {
    const headers = new Headers({ ...this.headers, origin: this.url });
    if (this.cookie !== undefined) headers.set('cookie', this.cookie);
    if (json !== undefined) headers.set('content-type', 'application/json');
    const answer = await fetch(this.url + path, {
      ...{ method, headers },
      ...(json === undefined ? {} : { body: JSON.stringify(json) }),
    });
    const set = answer.headers.get('set-cookie');
    if (set !== null) this.cookie = /; Max-Age=0;/.test(set) ? undefined : set.split(';', 1)[0];
    return answer;
  }

  /** What an answer says: its status, and its error's code where it has one. */
  async ask(path: string, json?: unknown, method?: string): Promise<{ status: number; code?: string; body: unknown }> {
    const answer = await this.fetch(path, json, method);
    const text = await answer.text();
    const body: unknown = text === '' ? undefined : JSON.parse(text);
    const { error } = (body ?? {}) as { error?: { code: string } };
    return { status: answer.status, ...(error === undefined ? {} : { code: error.code }), body };
  }
}
