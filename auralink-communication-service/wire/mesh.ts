/** Builds the mesh from its store. Nothing measures paths yet, so nothing is known of them. */
import type { FastifyPluginAsync } from 'fastify';
import type { PathKnowledge } from '../auralink-modules/mesh-routing/ports.ts';
import { createMeshService } from '../auralink-modules/mesh-routing/service.ts';
import type { InternalAuth } from '../http/internal-auth.ts';
import { meshRoutes } from '../http/mesh-routes.ts';
import { meshStore } from '../store/mesh.ts';
import type { Base } from './base.ts';

const nothingMeasured: PathKnowledge = { findQuality: async () => null };

/** For the public door. */
export function meshPlugins({ config, db, newId }: Base, auth: InternalAuth): FastifyPluginAsync[] {
  const mesh = createMeshService({
    unitOfWork: db.unitOfWork,
    newRouteId: newId,
    store: meshStore,
    knowledge: nothingMeasured,
    offersDirect: config.ENABLE_MESH_ROUTING,
  });
  return [meshRoutes({ auth, mesh }) as FastifyPluginAsync];
}
