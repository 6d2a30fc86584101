/**
 * Invitations of somebody of whom only the e-mail address is known (Matrix spec, Identity Service API, "Invitation
 * storage", "Ephemeral invitation signing"): stored until the address is bound, and told to it by e-mail with a key made
 * for this one invitation.
 */
import { generateKeyPairSync } from 'node:crypto';
import type { UserId } from '../../core/ids.ts';
import { NOBODY } from '../../core/ids.ts';
import type { UnitOfWork } from '../../core/unit-of-work.ts';
import { digestOf, pepperedHash } from './lookup.ts';
import {
  type Account,
  INVITE_LIFE_DAYS,
  INVITE_LIMIT,
  isAddress,
  matrixError,
  normalAddress,
} from './model.ts';
import { invitePlace, type Peppers } from './peppers.ts';
import type {
  AddressVault,
  BindingStore,
  Count,
  DigestStore,
  FindAccounts,
  LookupKeys,
  Post,
} from './ports.ts';
import { findPrivateKey, publicKeyOf, type SigningKey, signJson, unpadded } from './signed-json.ts';

const TOKEN_BYTES = 32;
/** An e-mail waits a day for its server. */
const EMAIL_LIFE_SECONDS = 86_400;
const EPHEMERAL_KEY_ID = 'ed25519:0';

export interface InviteRequest {
  readonly medium: string;
  readonly address: string;
  readonly roomId: string;
  readonly sender: string;
  /** As the homeserver tells them; shown to whoever is invited. */
  readonly roomName: string | null;
  readonly senderName: string | null;
}

export interface StoredInvite {
  readonly token: string;
  readonly display_name: string;
  readonly public_keys: readonly { readonly public_key: string; readonly key_validity_url: string }[];
}

export interface InvitesDeps {
  readonly unitOfWork: UnitOfWork;
  readonly bindings: BindingStore;
  readonly digests: Pick<DigestStore, 'peppers'>;
  readonly keys: LookupKeys;
  readonly peppers: Pick<Peppers, 'ready' | 'index'>;
  readonly findAccounts: FindAccounts;
  readonly vault: AddressVault;
  readonly post: Post;
  readonly count: Count;
  readonly newId: () => string;
  readonly randomBytes: (size: number) => Buffer;
  readonly now: () => Date;
  /** Where this API is reached, without a slash at the end. */
  readonly apiUrl: string;
  readonly serverName: string;
  readonly key: SigningKey;
}

export interface Invites {
  /** Throws M_FORBIDDEN, M_UNRECOGNIZED, M_INVALID_EMAIL, M_THREEPID_IN_USE, M_EMAIL_SEND_ERROR, `rate_limited`. */
  store(account: Account, request: InviteRequest, clientAddress: string): Promise<StoredInvite>;
  /** The invitation signed with its own key, for whoever has that from the e-mail. Throws M_UNRECOGNIZED. */
  sign(mxid: string, privateKey: string, token: string): Promise<object>;
}

export function createInvites(deps: InvitesDeps): Invites {
  return {
    store: (account, request, clientAddress) => store(deps, account, request, clientAddress),
    async sign(mxid, privateKey, token) {
      const key = findPrivateKey(privateKey);
      if (key === null) {
        throw matrixError('invalid', 'M_INVALID_PARAM', 'This is no Ed25519 key in base64.', {
          field: 'private_key',
        });
      }
      const invite = await deps.bindings.findInvite(token);
      if (invite === null) throw matrixError('not_found', 'M_UNRECOGNIZED', 'There is no such invitation.');
      const told = { mxid, sender: invite.sender, token };
      return signJson(told, deps.serverName, { keyId: EPHEMERAL_KEY_ID, privateKey: key });
    },
  };
}

async function store(
  deps: InvitesDeps,
  account: Account,
  request: InviteRequest,
  ip: string,
): Promise<StoredInvite> {
  if (request.sender !== account.userId) {
    throw matrixError('forbidden', 'M_FORBIDDEN', 'Only your own account can invite.', { field: 'sender' });
  }
  if (request.medium !== 'email') {
    throw matrixError('invalid', 'M_UNRECOGNIZED', 'Only e-mail addresses are invited.', { field: 'medium' });
  }
  const address = normalAddress('email', request.address);
  if (!isAddress('email', address)) {
    throw matrixError('invalid', 'M_INVALID_EMAIL', 'This is no e-mail address.', { field: 'address' });
  }
  if (!deps.post.offers('email')) {
    throw matrixError('unavailable', 'M_EMAIL_SEND_ERROR', 'This server sends no e-mail.');
  }
  await deps.count(`identity-invite:${account.userId}`, INVITE_LIMIT);
  await deps.peppers.ready();
  const inUse = await findUser(deps, account, address);
  if (inUse !== null) {
    throw matrixError('invalid', 'M_THREEPID_IN_USE', 'This address is bound; invite the account.', {
      field: 'address',
      mxid: inUse,
    });
  }
  const token = deps.randomBytes(TOKEN_BYTES).toString('base64url');
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const ephemeral = publicKeyOf(publicKey);
  await deps.unitOfWork.run(async (tx) => {
    const inviteId = deps.newId();
    const envelope = await deps.vault.seal(tx, invitePlace(inviteId), Buffer.from(address));
    const { roomId } = request;
    const sender = account.userId as UserId;
    const stored = Buffer.from(ephemeral, 'base64').toString('base64url');
    await deps.bindings.insertInvite(
      tx,
      { inviteId, token, medium: 'email', envelope, roomId, sender },
      stored,
    );
    await deps.peppers.index(tx, { of: 'invite', id: inviteId }, 'email', address, envelope);
    const seed = unpadded(Buffer.from(privateKey.export({ format: 'jwk' }).d ?? '', 'base64url'));
    await deps.post.enqueue(
      tx,
      {
        channel: 'email',
        to: address,
        personId: account.personId,
        content: inviteText(deps, request, token, seed),
        expiresAt: new Date(deps.now().getTime() + EMAIL_LIFE_SECONDS * 1_000),
      },
      { ip },
    );
  });
  return {
    token,
    display_name: redacted(address),
    public_keys: [
      { public_key: deps.key.publicKey, key_validity_url: `${deps.apiUrl}/pubkey/isvalid` },
      { public_key: ephemeral, key_validity_url: `${deps.apiUrl}/pubkey/ephemeral/isvalid` },
    ],
  };
}

/** Whom this asker would find by looking the address up: of anybody else it is not told that he is there. */
async function findUser(deps: InvitesDeps, account: Account, address: string): Promise<string | null> {
  const current = (await deps.digests.peppers()).find(({ state }) => state === 'current');
  const key = current === undefined ? null : deps.keys.find(current.indexKeyId);
  if (current === undefined || key === null) return null;
  const digest = digestOf(key, pepperedHash('email', address, current.pepper));
  const [found] = await deps.findAccounts({ asker: account.personId ?? NOBODY, digests: [digest] });
  return found ?? null;
}

/** One line of what a stranger may have chosen: without addresses that a mail program would make links of. */
function line(text: string): string {
  return text
    .replace(/[\p{Cc}\p{Cf}\s]+/gu, ' ')
    .replace(/[:/\\<>]|\.(?=\S)/g, '·')
    .trim()
    .slice(0, 80);
}

/** An id that another homeserver may have made up: no line of its own, and no path that a mail program would open. */
const shownId = (id: string): string => id.replace(/[\p{Cc}\p{Cf}\s/\\<>]+/gu, '·');

function inviteText(deps: InvitesDeps, request: InviteRequest, token: string, seed: string) {
  const who =
    request.senderName === null
      ? shownId(request.sender)
      : `${line(request.senderName)} (${shownId(request.sender)})`;
  const room = request.roomName === null ? '' : ` “${line(request.roomName)}”`;
  const query = new URLSearchParams({ token, private_key: seed });
  const text =
    `${who} invites you into the Matrix room${room}.\n\n` +
    `Room: ${shownId(request.roomId)}\n\n` +
    `Sign in to any Matrix account, choose ${deps.serverName} as its identity server, and add this e-mail address ` +
    'there so that you can be found by it: the invitation is then in your list of rooms.\n\n' +
    `For programs that sign an invitation themselves: ${deps.apiUrl}/sign-ed25519?${query}\n\n` +
    `It waits for ${INVITE_LIFE_DAYS} days. If you do not know who this is, do nothing.\n`;
  return { subject: 'You are invited into a Matrix room', text };
}

/** So much that whoever invited knows whom, and the room learns no address: `a…@e…`. */
function redacted(address: string): string {
  const at = address.lastIndexOf('@');
  const first = (text: string): string => [...text][0] ?? '';
  return `${first(address)}…@${first(address.slice(at + 1))}…`;
}
