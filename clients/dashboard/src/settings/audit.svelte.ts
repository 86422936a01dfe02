import type { AuditRowFields, ErrorInfo, UserInfo } from '@pizzapi/protocol';
import { api } from '../state/client.js';

/** Rows a page of the trail has. */
const PAGE = 50;

/** The audit log, newest first, page after page. */
export class AuditLog {
  rows = $state.raw<readonly AuditRowFields[]>();
  error = $state.raw<ErrorInfo>();
  loading = $state(false);
  kind = $state('');
  /** Offset before which there is more; undefined at the end. */
  next = $state.raw<number>();
  #users = $state.raw<readonly UserInfo[]>([]);
  #asked = 0;

  async start(): Promise<void> {
    void this.#loadNames();
    await this.load();
  }

  /** What somebody is called, if they have an account. */
  nameOf(userId: string): string | undefined {
    return this.#users.find((user) => user.userId === userId)?.name;
  }

  /** The newest page. */
  async load(): Promise<void> {
    await this.#page(undefined);
  }

  async more(): Promise<void> {
    if (this.next !== undefined && !this.loading) await this.#page(this.next);
  }

  async show(kind: string): Promise<void> {
    this.kind = kind;
    this.rows = this.next = undefined;
    await this.load();
  }

  async #page(before: number | undefined): Promise<void> {
    const asked = ++this.#asked;
    this.loading = true;
    const { kind } = this;
    const page = await api.audit({
      limit: PAGE,
      ...(kind === '' ? {} : { kind }),
      ...(before === undefined ? {} : { before }),
    });
    if (asked !== this.#asked) return;
    this.loading = false;
    this.error = page.kind === 'failed' ? page.error : undefined;
    if (page.kind === 'failed') return;
    this.rows = before === undefined ? page.value.rows : [...(this.rows ?? []), ...page.value.rows];
    this.next = page.value.next;
  }

  /** Without names the rows show ids: worth no error of its own. */
  async #loadNames(): Promise<void> {
    const users = await api.users();
    if (users.kind === 'ok') this.#users = users.value.users;
  }
}
