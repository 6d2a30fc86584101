/**
 * Binding a proved address to the account that proved it, and taking that back (Matrix spec, Identity Service API,
 * "Association management"): one account for one address, the newest proof; signed, so that homeservers can check it. Who
 * was invited by that address is told of to the homeserver of whoever bound it: handover.ts.
 */
import type { OutboxStore } from '../../core/outbox.ts';
import type { Tx, UnitOfWork } from '../../core/unit-of-work.ts';
import {
  type Account,
  ASSOCIATION_LIFE_SECONDS,
  type Medium,
  matrixError,
  normalAddress,
  serverOf,
} from './model.ts';
import { HANDOVER_TOPIC, toHandOver } from './handover.ts';
import { associationPlace, type Peppers } from './peppers.ts';
import type { AddressVault, BindingNews, BindingStore, FindServerKey } from './ports.ts';
import { isSignedBy, type Signatures, type SigningKey, signJson } from './signed-json.ts';
import type { SessionName, Validated, Validation } from './validation.ts';

export interface SignedAssociation {
  readonly address: string;
  readonly medium: Medium;
  readonly mxid: string;
  readonly not_before: number;
  readonly not_after: number;
  readonly ts: number;
  readonly signatures: Signatures;
}

/** A request that a homeserver signed (Matrix spec, server-server API, "Request authentication"). */
export interface SignedRequest {
  readonly origin: string;
  readonly keyId: string;
  readonly signature: string;
  readonly method: string;
  readonly uri: string;
  readonly content: object;
}

export interface Unbinding {
  readonly mxid: string;
  readonly medium: Medium;
  readonly address: string;
}

/** Who takes an association back: its account, its homeserver, or whoever has just proved the address. */
export type UnboundBy =
  | { readonly account: Account }
  | { readonly request: SignedRequest }
  | { readonly session: SessionName };

export interface BindingDeps {
  readonly unitOfWork: UnitOfWork;
  readonly validation: Pick<Validation, 'getValidated'>;
  readonly bindings: BindingStore;
  readonly peppers: Pick<Peppers, 'ready' | 'index' | 'digestsOf'>;
  readonly vault: AddressVault;
  readonly outbox: Pick<OutboxStore, 'enqueue'>;
  readonly findServerKey: FindServerKey;
  readonly news: BindingNews;
  readonly newId: () => string;
  readonly now: () => Date;
  readonly serverName: string;
  readonly key: SigningKey;
}

export interface Binding {
  /** Throws M_FORBIDDEN for another account than one's own, and what `getValidated` throws. A repeat is the same. */
  bind(account: Account, mxid: string, name: SessionName): Promise<SignedAssociation>;
  /** What is not bound is unbound. Throws M_FORBIDDEN. */
  unbind(what: Unbinding, by: UnboundBy): Promise<void>;
}

export function createBinding(deps: BindingDeps): Binding {
  return {
    async bind(account, mxid, name) {
      if (mxid !== account.userId) throw forbidden('Only your own account can be bound.', 'mxid');
      await deps.peppers.ready();
      const validated = await deps.unitOfWork.run((tx) => bind(deps, tx, account, name));
      return signed(deps, account, validated);
    },
    async unbind(what, by) {
      const address = normalAddress(what.medium, what.address);
      if ('account' in by) {
        if (by.account.userId !== what.mxid) throw forbidden('This is another account’s address.', 'mxid');
      } else if ('request' in by) await assertHomeserver(deps, what.mxid, by.request);
      await deps.peppers.ready();
      await deps.unitOfWork.run(async (tx) => {
        if ('session' in by) {
          const proved = await deps.validation.getValidated(tx, null, by.session);
          if (proved.medium !== what.medium || proved.address !== address) {
            throw forbidden('This session proves another address.', 'threepid');
          }
        }
        const bound = await lockAndFind(deps, tx, what.medium, address);
        const those = bound.associations.filter(({ userId }) => userId === what.mxid);
        await deps.bindings.remove(
          tx,
          those.map(({ associationId }) => associationId),
        );
        for (const { userId, medium } of those)
          await deps.news(tx, { act: 'address.unbound', userId, medium, byHerself: 'account' in by });
      });
    },
  };
}

function forbidden(message: string, field: string) {
  return matrixError('forbidden', 'M_FORBIDDEN', message, { field });
}

async function lockAndFind({ bindings, peppers }: BindingDeps, tx: Tx, medium: Medium, address: string) {
  const digests = await peppers.digestsOf(tx, medium, address);
  // By the oldest pepper that counts: whoever comes meanwhile has the same one, or waits for the peppers.
  const [first = ''] = digests;
  await bindings.lockAddress(tx, first);
  return { digests, associations: await bindings.findByDigests(tx, medium, digests) };
}

async function bind(deps: BindingDeps, tx: Tx, account: Account, name: SessionName): Promise<Validated> {
  const { bindings, peppers, vault, outbox } = deps;
  const proved = await deps.validation.getValidated(tx, account, name);
  const { medium, address, validatedAt } = proved;
  const { digests, associations } = await lockAndFind(deps, tx, medium, address);
  // A session can be bound for a day: meanwhile somebody else may have proved the address anew.
  if (associations.some((one) => one.userId !== account.userId && one.validatedAt > validatedAt)) {
    const message = 'Somebody else has proved this address since; prove it again.';
    throw matrixError('invalid', 'M_SESSION_EXPIRED', message);
  }
  await bindings.remove(
    tx,
    associations.map(({ associationId }) => associationId),
  );
  const associationId = deps.newId();
  const envelope = await vault.seal(tx, associationPlace(associationId), Buffer.from(address));
  const { userId } = account;
  for (const other of associations) {
    if (other.userId !== userId)
      await deps.news(tx, { act: 'address.unbound', userId: other.userId, medium, byHerself: false });
  }
  await deps.news(tx, { act: 'address.bound', userId, medium, byHerself: true });
  await bindings.insert(tx, { associationId, userId, medium, envelope, validatedAt });
  await peppers.index(tx, { of: 'association', id: associationId }, medium, address, envelope);
  const inviteIds = await bindings.takeInvites(tx, medium, digests, userId);
  if (inviteIds.length > 0)
    await outbox.enqueue(tx, HANDOVER_TOPIC, toHandOver(userId, inviteIds, deps.now()));
  return proved;
}

function signed(deps: BindingDeps, { userId }: Account, proved: Validated): SignedAssociation {
  const { medium, address } = proved;
  const ts = deps.now().getTime();
  const association = {
    ...{ address, medium, mxid: userId, ts, not_before: ts },
    not_after: ts + ASSOCIATION_LIFE_SECONDS * 1_000,
  };
  return signJson(association, deps.serverName, deps.key);
}

/** Throws unless the homeserver of `mxid` signed this request for us. */
async function assertHomeserver(deps: BindingDeps, mxid: string, request: SignedRequest): Promise<void> {
  const { origin, keyId, signature, method, uri, content } = request;
  if (serverOf(mxid) !== origin) throw forbidden('A homeserver unbinds its own accounts only.', 'mxid');
  const key = await deps.findServerKey(origin, keyId);
  const told = { method, uri, origin, content, signatures: { [origin]: { [keyId]: signature } } };
  // Synapse names whom it means by `destination_is`, the specification by `destination`.
  const isMeant = (name: string): boolean =>
    key !== null && isSignedBy({ ...told, [name]: deps.serverName }, origin, keyId, key);
  if (!isMeant('destination_is') && !isMeant('destination')) {
    throw matrixError('unauthenticated', 'M_UNAUTHORIZED', 'That homeserver did not sign this request.');
  }
}
