/**
 * Joins the provider to our storage. Clients are not stored as documents: they are read live from the apps' registry, so
 * that a new or disabled app counts at once.
 */
import { type Adapter, type AdapterPayload, errors } from 'oidc-provider';
import type {
  EndpointRevoked,
  GrantStore,
  OidcDocument,
  OidcDocuments,
} from '../auralink-modules/auraid/ports.ts';

/** Gives the metadata of a client, or null. */
export type FindClient = (clientId: string) => Promise<AdapterPayload | null>;

export interface OidcAdapterDeps {
  readonly documents: OidcDocuments;
  readonly grants: GrantStore;
  readonly endpointRevoked: EndpointRevoked;
  readonly findClient: FindClient;
}

export function oidcAdapter(deps: OidcAdapterDeps): (model: string) => Adapter {
  return (model) => {
    if (model === 'Client') return clientAdapter(deps.findClient);
    const adapter = documentAdapter(deps.documents, model);
    return model === 'Grant' ? signingOut(adapter, deps) : adapter;
  };
}

/**
 * The provider destroys a grant when a code or refresh token is replayed, or when a person signs out everywhere: its
 * endpoint is signed out before the provider answers, because its access tokens are JWTs and would live on.
 */
function signingOut(adapter: Adapter, deps: OidcAdapterDeps): Adapter {
  return {
    ...adapter,
    destroy: async (grantId) => {
      const endpointId = await deps.grants.findEndpointByGrant(grantId);
      if (endpointId !== null && (await deps.grants.revokeEndpoint(endpointId)) !== null) {
        deps.endpointRevoked(endpointId);
      }
      await adapter.destroy(grantId);
    },
  };
}

const payloadOf = (document: OidcDocument | null) => (document ?? undefined) as AdapterPayload | undefined;

function documentAdapter(documents: OidcDocuments, model: string): Adapter {
  return {
    find: async (id) => payloadOf(await documents.find(model, id)),
    findByUid: async (uid) => payloadOf(await documents.findByUid(model, uid)),
    findByUserCode: async (code) => payloadOf(await documents.findByUserCode(model, code)),
    // A document without a time to live stays: the provider's types say number, its code says undefined.
    upsert: (id, payload, ttlSeconds: number | undefined) =>
      documents.upsert(model, id, payload as unknown as OidcDocument, ttlSeconds ?? null),
    consume: async (id) => {
      // Of several who redeem a code at the same moment, only the one that changed the row goes on.
      if (!(await documents.consume(model, id))) throw new errors.InvalidGrant(`${model} already used`);
    },
    destroy: (id) => documents.destroy(model, id),
    revokeByGrantId: (grantId) => documents.revokeByGrant(model, grantId),
  };
}

/** Clients are the operator's; the provider may only read them. */
function clientAdapter(findClient: FindClient): Adapter {
  const refuse = async (): Promise<never> => {
    throw new Error('clients are read from the registry of apps');
  };
  return {
    find: async (id) => (await findClient(id)) ?? undefined,
    findByUid: async () => undefined,
    findByUserCode: async () => undefined,
    upsert: refuse,
    consume: refuse,
    destroy: refuse,
    revokeByGrantId: refuse,
  };
}
