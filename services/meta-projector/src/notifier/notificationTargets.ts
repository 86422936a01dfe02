import { bucket, shareRows, type Backbone } from '@pizzapi/backbone';
import {
  defaultNotificationPrefs,
  isAccountRow,
  isNotificationPrefsRow,
  isPushSubscriptionRow,
  isVapidRow,
  notificationKeys,
  VAPID_KEY,
  type AccountRow,
  type NotificationPrefsRow,
  type PushSubscriptionRow,
  type ShareMode,
  type VapidRow,
} from '@pizzapi/protocol';

/** A browser that is pushed to. */
export interface NotifiedDevice {
  /** Its key in the bucket. */
  key: string;
  subscription: PushSubscriptionRow;
  revision: number;
}

/** What people want to be told and where. Read anew each time, so that what was taken back just now counts. */
export class NotificationTargets {
  private readonly vapids;
  private readonly people;
  private readonly subscriptions;
  private readonly accounts;
  private readonly shares;

  constructor(b: Backbone) {
    this.vapids = bucket<VapidRow>(b, 'notifications', { check: isVapidRow });
    this.people = bucket<NotificationPrefsRow>(b, 'notifications', { check: isNotificationPrefsRow });
    this.subscriptions = bucket<PushSubscriptionRow>(b, 'notifications', { check: isPushSubscriptionRow });
    this.shares = shareRows(b);
    this.accounts = bucket<AccountRow>(b, 'accounts', { check: isAccountRow });
  }

  /** The key that pushes are signed with; undefined as long as nobody has asked for it. */
  async vapid(): Promise<VapidRow | undefined> {
    return (await this.vapids.get(VAPID_KEY))?.value;
  }

  async prefsOf(userId: string): Promise<NotificationPrefsRow> {
    return (await this.people.get(notificationKeys.prefs(userId)))?.value ?? defaultNotificationPrefs();
  }

  async devicesOf(userId: string): Promise<NotifiedDevice[]> {
    const keys = await this.subscriptions.keys(notificationKeys.devices(userId));
    const found = await Promise.all(keys.map(async (key) => ({ key, row: await this.subscriptions.get(key) })));
    return found.flatMap(({ key, row }) =>
      row === undefined ? [] : [{ key, subscription: row.value, revision: row.revision }],
    );
  }

  async isDisabled(userId: string): Promise<boolean> {
    return (await this.accounts.get(`user.${userId}`))?.value.disabledAt !== undefined;
  }

  /** The accounts that a session is shared with now, and what they may do. What a disabled account has shared rests. */
  async sharesOf(sid: string, owner: string, now: number): Promise<{ grantee: string; mode: ShareMode }[]> {
    const keys = await this.shares.keys(`${sid}.`);
    const rows = await Promise.all(keys.map(async (key) => (await this.shares.get(key))?.value));
    const living = rows.flatMap((row) => {
      const isOver = row === undefined || row.userId !== owner || row.revokedAt !== undefined || row.expiresAt <= now;
      return isOver || row.grantee === undefined ? [] : [{ grantee: row.grantee, mode: row.mode }];
    });
    return living.length > 0 && (await this.isDisabled(owner)) ? [] : living;
  }

  /** Forgets a device that has withdrawn, unless it came back meanwhile. */
  async removeDevice({ key, revision }: NotifiedDevice): Promise<void> {
    await this.subscriptions.delete(key, { revision });
  }
}
