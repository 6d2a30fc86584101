/** Matrix accounts in memory, behaving as Synapse does towards our adapter. */
import type { MatrixAccounts } from '../../auralink-communication-service/auralink-modules/auraid/ports.ts';
import type { UserId } from '../../auralink-communication-service/core/ids.ts';

export class FakeMatrixAccounts implements MatrixAccounts {
  readonly passwords = new Map<UserId, string | null>();

  async createAccount(userId: UserId): Promise<void> {
    if (!this.passwords.has(userId)) this.passwords.set(userId, null);
  }

  async setPassword(userId: UserId, password: string): Promise<void> {
    if (!this.passwords.has(userId)) throw new Error(`there is no ${userId}`);
    this.passwords.set(userId, password);
  }

  async checkPassword(userId: UserId, password: string): Promise<boolean> {
    return this.passwords.get(userId) === password;
  }
}
