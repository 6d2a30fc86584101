/** The person's identity documents, and the reviewers' queue for whoever is one. Throws AuraLinkError. */
import type {
  DocumentReview,
  DocumentSide,
  IdentityDocument,
  IdentityDocuments,
  ReviewQueue,
  Verdict,
} from './document-types.ts';
import type { ApiClient } from './http.ts';

/** Pictures and chips over a slow line. */
const UPLOAD_TIMEOUT_MS = 120_000;

export class Documents {
  readonly #api: ApiClient;

  constructor(api: ApiClient) {
    this.#api = api;
  }

  list(): Promise<IdentityDocuments> {
    return this.#api.request('/me/documents');
  }

  /** `lines`: the machine readable zone. Reason `mrz_faults` comes with `faults`. Not repeated over a broken network. */
  begin(lines: readonly string[]): Promise<IdentityDocument> {
    return this.#api.request('/me/documents', { method: 'POST', body: { lines }, giveUpAfterMs: 0 });
  }

  setLines(documentId: string, lines: readonly string[]): Promise<IdentityDocument> {
    return this.#api.request(`${pathOf(documentId)}/lines`, { method: 'PUT', body: { lines } });
  }

  /** PNG, JPEG or WebP. */
  setImage(documentId: string, side: DocumentSide, picture: Blob): Promise<IdentityDocument> {
    const path = `${pathOf(documentId)}/images/${side}`;
    return this.#api.request(path, { method: 'PUT', body: picture, timeoutMs: UPLOAD_TIMEOUT_MS });
  }

  removeImage(documentId: string, side: DocumentSide): Promise<IdentityDocument> {
    return this.#api.request(`${pathOf(documentId)}/images/${side}`, { method: 'DELETE' });
  }

  image(documentId: string, side: DocumentSide): Promise<Blob> {
    return this.#api.request(`${pathOf(documentId)}/images/${side}`, { answer: 'blob' });
  }

  /** To the reviewers. */
  send(documentId: string): Promise<IdentityDocument> {
    return this.#api.request(`${pathOf(documentId)}/send`, { method: 'POST', giveUpAfterMs: 0 });
  }

  /** Files of its chip as a reader app hands them out, or a zip of them; decided at once. */
  async proveByChip(documentId: string, files: readonly File[]): Promise<IdentityDocument> {
    const body = {
      files: await Promise.all(
        files.map(async (file) => ({ name: file.name, content: await base64Of(file) })),
      ),
    };
    const path = `${pathOf(documentId)}/chip`;
    return this.#api.request(path, { method: 'POST', body, timeoutMs: UPLOAD_TIMEOUT_MS, giveUpAfterMs: 0 });
  }

  withdraw(documentId: string): Promise<void> {
    return this.#api.request(pathOf(documentId), { method: 'DELETE' });
  }
}

export class Reviews {
  readonly #api: ApiClient;

  constructor(api: ApiClient) {
    this.#api = api;
  }

  queue(): Promise<ReviewQueue> {
    return this.#api.request('/reviews');
  }

  /** Hers for a quarter of an hour; again: for longer. */
  claim(documentId: string): Promise<DocumentReview> {
    return this.#api.request(`${reviewPath(documentId)}/claim`, { method: 'POST' });
  }

  release(documentId: string): Promise<void> {
    return this.#api.request(`${reviewPath(documentId)}/release`, { method: 'POST' });
  }

  /** Each look is written down. */
  image(documentId: string, side: DocumentSide): Promise<Blob> {
    return this.#api.request(`${reviewPath(documentId)}/images/${side}`, { answer: 'blob' });
  }

  /** `decided`: false where another reviewer must agree first. */
  judge(documentId: string, verdict: Verdict): Promise<{ readonly decided: boolean }> {
    return this.#api.request(`${reviewPath(documentId)}/verdict`, {
      method: 'POST',
      body: verdict,
      giveUpAfterMs: 0,
    });
  }
}

const pathOf = (documentId: string): string => `/me/documents/${encodeURIComponent(documentId)}`;
const reviewPath = (documentId: string): string => `/reviews/${encodeURIComponent(documentId)}`;

async function base64Of(file: Blob): Promise<string> {
  const bytes = new Uint8Array(await file.arrayBuffer());
  let text = '';
  // In pieces: a call takes only so many arguments.
  for (let at = 0; at < bytes.length; at += 8_192)
    text += String.fromCharCode(...bytes.subarray(at, at + 8_192));
  return btoa(text);
}
