/** Apps that the operator has registered. */
import type pg from 'pg';
import type { App, Scope } from '../auralink-modules/endpoints/model.ts';
import type { AppId } from '../core/ids.ts';
import { query } from './db.ts';

/** Origins change when an operator registers an app; a process notices within this time. */
export const APP_ORIGINS_CACHE_SECONDS = 10;

export interface AppStore {
  findApp(appId: string): Promise<App | null>;
  /** Apps that are not switched off, by name. */
  listApps(): Promise<App[]>;
  /** Makes the app or brings it up to date; one that was switched off stays so. */
  upsertApp(app: App): Promise<void>;
  /** Whether any registered app lives at this web origin; remembered for a few seconds. */
  isAppOrigin(origin: string): Promise<boolean>;
}

interface AppRow {
  app_id: AppId;
  name: string;
  icon: string;
  origins: string[];
  redirect_uris: string[];
  scopes: Scope[];
}

const COLUMNS = 'app_id, name, icon, origins, redirect_uris, scopes';

function appOf(row: AppRow): App {
  return {
    appId: row.app_id,
    name: row.name,
    icon: row.icon,
    origins: row.origins,
    redirectUris: row.redirect_uris,
    scopes: row.scopes,
  };
}

export function appStore(pool: pg.Pool, monotonicMs: () => number): AppStore {
  let origins: ReadonlySet<string> = new Set();
  let readAtMs = Number.NEGATIVE_INFINITY;

  const listApps = async (): Promise<App[]> => {
    const rows = await query<AppRow>(
      pool,
      'apps_list',
      `SELECT ${COLUMNS} FROM apps WHERE disabled_at IS NULL ORDER BY name`,
      [],
    );
    return rows.map(appOf);
  };

  return {
    listApps,

    async findApp(appId) {
      // Any text may be asked for; PostgreSQL refuses to look for this one.
      if (appId.includes('\0')) return null;
      const [row] = await query<AppRow>(
        pool,
        'app_by_id',
        `SELECT ${COLUMNS} FROM apps WHERE app_id = $1 AND disabled_at IS NULL`,
        [appId],
      );
      return row === undefined ? null : appOf(row);
    },

    async upsertApp(app) {
      await query(
        pool,
        'app_upsert',
        `INSERT INTO apps (app_id, name, icon, origins, redirect_uris, scopes) VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (app_id) DO UPDATE SET name = excluded.name, icon = excluded.icon, origins = excluded.origins,
           redirect_uris = excluded.redirect_uris, scopes = excluded.scopes`,
        [app.appId, app.name, app.icon, app.origins, app.redirectUris, app.scopes],
      );
    },

    async isAppOrigin(origin) {
      if (monotonicMs() - readAtMs > APP_ORIGINS_CACHE_SECONDS * 1000) {
        origins = new Set((await listApps()).flatMap((app) => app.origins));
        readAtMs = monotonicMs();
      }
      return origins.has(origin);
    },
  };
}
