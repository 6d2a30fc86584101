/** People with documents and reviewers over a real door, database and vault. */
import type { Buffer } from 'node:buffer';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import type { Config } from '../../auralink-communication-service/config.ts';
import type { DatabaseAddress } from '../../auralink-communication-service/store/db.ts';
import { api, type IdentityDoor, openIdentityDoor, registerPerson } from './identity-door.ts';
import { authority, signer } from './travel-pki.ts';

/** A folder with these files, gone when the test file has ended. */
export function folderWith(files: Readonly<Record<string, Buffer>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'auralink-authorities-'));
  for (const [name, bytes] of Object.entries(files)) writeFileSync(join(folder, name), bytes);
  after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export const UTOPIA = authority();
export const UTOPIAN_SIGNER = signer(UTOPIA);

export function openDocumentsDoor(
  address: DatabaseAddress,
  overrides: Partial<Config> = {},
  beside?: IdentityDoor,
) {
  const DOCUMENT_AUTHORITIES_PATH =
    beside?.config.DOCUMENT_AUTHORITIES_PATH ?? folderWith({ 'utopia.cer': UTOPIA.der });
  return openIdentityDoor(
    address,
    { DOCUMENT_ACCEPT_SPECIMEN: true, DOCUMENT_AUTHORITIES_PATH, ...overrides },
    beside,
  );
}

export interface Answer<T> {
  readonly status: number;
  readonly body: T;
}

/** One person at this door, as her page talks to it. */
export class DocumentPerson {
  readonly door: IdentityDoor;
  readonly token: string;
  readonly personId: string;

  private constructor(door: IdentityDoor, token: string, personId: string) {
    this.door = door;
    this.token = token;
    this.personId = personId;
  }

  static async register(
    door: IdentityDoor,
    auraId: string,
    displayName: string | null = null,
  ): Promise<DocumentPerson> {
    const { tokens } = await registerPerson(door, auraId, {
      scope: 'openid offline_access account.manage profile.read',
    });
    const { rows } = await door.db.pool.query<{ person_id: string }>(
      'UPDATE aura_id_registry SET display_name = $2 WHERE aura_id = $1 RETURNING person_id',
      [auraId, displayName],
    );
    // As if she had opened a page: an endpoint has a log once a socket came.
    await door.db.pool.query(
      'INSERT INTO endpoint_streams (endpoint_id) SELECT endpoint_id FROM endpoints WHERE person_id = $1',
      [rows[0]?.person_id],
    );
    return new DocumentPerson(door, tokens.accessToken, rows[0]?.person_id ?? '');
  }

  /** The same person at another process. */
  at(door: IdentityDoor): DocumentPerson {
    return new DocumentPerson(door, this.token, this.personId);
  }

  async makeReviewer(): Promise<this> {
    await this.door.db.pool.query(
      "INSERT INTO reviewer_roles (person_id, granted_by) VALUES ($1, 'service:test')",
      [this.personId],
    );
    return this;
  }

  async ask<T = Record<string, unknown>>(
    method: string,
    path: string,
    body?: object | Buffer,
    type?: string,
  ): Promise<Answer<T>> {
    const isBytes = body instanceof Uint8Array;
    const response = await api(this.door, `/_auralink/v1${path}`, this.token, {
      method,
      ...(body === undefined ? {} : { body: isBytes ? new Uint8Array(body) : JSON.stringify(body) }),
      headers:
        body === undefined ? {} : { 'content-type': type ?? (isBytes ? 'image/png' : 'application/json') },
    });
    const text = await response.text();
    return { status: response.status, body: (text.startsWith('{') ? JSON.parse(text) : text) as T };
  }

  /** Begun, with pictures of the sides that it needs, and sent. */
  async send(lines: readonly string[], picture: Buffer): Promise<string> {
    const begun = await this.ask<{ documentId: string; needs: string[] }>('POST', '/me/documents', { lines });
    const { documentId, needs } = begun.body;
    for (const side of needs) await this.ask('PUT', `/me/documents/${documentId}/images/${side}`, picture);
    await this.ask('POST', `/me/documents/${documentId}/send`);
    return documentId;
  }
}
