/** Identity documents and the review queue as the pages ask for them, over a life in memory. */
import { randomUUID } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import type {
  DocumentFacts,
  DocumentReview,
  DocumentSide,
  IdentityDocument,
  Verdict,
} from '../../auralink-client/index.ts';
import { td1 } from '../support/mrz-lines.ts';
import { png } from '../support/pictures.ts';
import { inDays } from './identity-service.ts';

const API = '/_auralink/v1';

function factsOf(lines: readonly string[]): DocumentFacts {
  return {
    ...{ format: lines.length === 3 ? 'TD1' : 'TD3', lines, documentCode: 'P', issuingState: 'UTO' },
    ...{ number: 'L898902C3', nationality: 'UTO', birthDate: '1974-08-12', expiresOn: '2032-04-15' },
    ...{ surname: ['ERIKSSON'], givenNames: ['ANNA', 'MARIA'] },
  };
}

export class DocumentLife {
  documents: IdentityDocument[] = [];
  mayReview = true;
  waiting: DocumentReview[] = [];
  readonly verdicts: Verdict[] = [];

  begin(lines: readonly string[], over: Partial<IdentityDocument> = {}): IdentityDocument {
    const one: IdentityDocument = {
      ...{ documentId: randomUUID(), state: 'open', by: null, document: factsOf(lines), nameFit: 'partly' },
      ...{ images: [], needs: lines.length === 3 ? ['front', 'back'] : ['front'], reason: null, missing: [] },
      ...{ note: null, createdAt: inDays(0), sentAt: null, decidedAt: null, deletedOn: null },
      ...over,
    };
    this.documents.unshift(one);
    return one;
  }

  change(documentId: string, over: Partial<IdentityDocument>): IdentityDocument | undefined {
    this.documents = this.documents.map((one) => (one.documentId === documentId ? { ...one, ...over } : one));
    return this.documents.find((one) => one.documentId === documentId);
  }

  wait(): void {
    const image = { width: 640, height: 450, bytes: 20_000, uploadedAt: inDays(0) };
    this.waiting.push({
      ...{
        documentId: randomUUID(),
        round: 1,
        sentAt: inDays(-1),
        claimedUntil: inDays(0.01),
        document: factsOf(td1()),
      },
      ...{ shownName: 'Anna Eriksson', nameFit: 'fits', faults: [], verdicts: 0 },
      images: [
        { side: 'front', ...image },
        { side: 'back', ...image },
      ],
    });
  }
}

/** Grey all over. */
const PICTURE = png(640, 450);

export function documentRoutes(app: FastifyInstance, life: DocumentLife): void {
  for (const type of ['image/jpeg', 'image/png', 'image/webp']) {
    if (!app.hasContentTypeParser(type)) {
      app.addContentTypeParser(type, { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
    }
  }
  const terms = { chip: true, reviewers: 1, keptDays: 30, imageMaxBytes: 8_388_608, chipMaxBytes: 2_097_152 };
  app.get(`${API}/me/documents`, () => ({
    documents: life.documents,
    terms: { ...terms, mayReview: life.mayReview },
  }));
  app.post<{ Body: { lines: string[] } }>(`${API}/me/documents`, (request, reply) =>
    reply.code(201).send(life.begin(request.body.lines)),
  );
  type Params = { id: string; side: DocumentSide };
  app.put<{ Params: Params }>(`${API}/me/documents/:id/images/:side`, (request) => {
    const { id, side } = request.params;
    const image = { side, width: 640, height: 450, bytes: 20_000, uploadedAt: inDays(0) };
    const before = life.documents.find((one) => one.documentId === id)?.images ?? [];
    return life.change(id, { images: [...before.filter((one) => one.side !== side), image] });
  });
  app.get(`${API}/me/documents/:id/images/:side`, (_request, reply) => reply.type('image/png').send(PICTURE));
  app.post<{ Params: Params }>(`${API}/me/documents/:id/send`, (request) =>
    life.change(request.params.id, { state: 'pending', sentAt: inDays(0), missing: [], note: null }),
  );
  app.post<{ Params: Params }>(`${API}/me/documents/:id/chip`, (_request, reply) =>
    reply
      .code(409)
      .send({ reason: 'data_group_altered', detail: 'A data group is not the one that was signed.' }),
  );
  app.delete<{ Params: Params }>(`${API}/me/documents/:id`, (request, reply) => {
    life.change(request.params.id, { state: 'withdrawn', document: null, images: [] });
    return reply.code(204).send();
  });
  reviewRoutes(app, life);
}

function reviewRoutes(app: FastifyInstance, life: DocumentLife): void {
  app.get(`${API}/reviews`, () => ({
    waiting: life.waiting.map(({ documentId, sentAt, round, verdicts }) => {
      return { documentId, sentAt, round, verdicts, claim: 'free' };
    }),
    reviewers: 1,
  }));
  app.post<{ Params: { id: string } }>(`${API}/reviews/:id/claim`, (request) =>
    life.waiting.find((one) => one.documentId === request.params.id),
  );
  app.post(`${API}/reviews/:id/release`, (_request, reply) => reply.code(204).send());
  app.get(`${API}/reviews/:id/images/:side`, (_request, reply) => reply.type('image/png').send(PICTURE));
  app.post<{ Params: { id: string }; Body: Verdict }>(`${API}/reviews/:id/verdict`, (request) => {
    life.verdicts.push(request.body);
    life.waiting = life.waiting.filter((one) => one.documentId !== request.params.id);
    return { decided: true };
  });
}
