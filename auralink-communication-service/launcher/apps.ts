/** `./aura app add`: registers an app in the database of the constellation that is up, or brings it up to date. */
import { z } from 'zod';
import {
  appIconSchema,
  appIdSchema,
  appNameSchema,
  originSchema,
} from '../auralink-modules/dashboard/apps-model.ts';
import type { App } from '../auralink-modules/endpoints/model.ts';
import type { Config } from '../config.ts';
import { SYNAPSE_CLIENT_ID } from '../http/oidc.ts';
import { APP_ORIGINS_CACHE_SECONDS, appStore } from '../store/apps.ts';
import { APP_SCOPES, builtInApps } from '../wire/apps.ts';
import { type CommonOptions, layoutFor } from './commands.ts';
import { withDatabase } from './database-of.ts';
import { FrontDoorError } from './errors.ts';

/** As typed after `./aura app add`. */
export interface AppOptions {
  readonly id: string;
  readonly name: string;
  /** An emoji, or a path on our origin. */
  readonly icon: string;
  readonly origin: string;
  /** Where sign-in may return to, on the app's origin; default: its root. */
  readonly redirect?: readonly string[];
}

const optionsSchema = z.object({
  id: appIdSchema,
  name: appNameSchema,
  icon: appIconSchema,
  origin: originSchema,
  redirect: z.array(z.url()).min(1).optional(),
});

/** Throws FrontDoorError when something is no app's, or the name belongs to the service. */
export function appFrom(options: AppOptions, config: Config): App {
  const parsed = optionsSchema.safeParse(options);
  if (!parsed.success) {
    const faults = parsed.error.issues.map((issue) => `--${issue.path[0]?.toString()}: ${issue.message}`);
    throw new FrontDoorError(faults.join('\n'));
  }
  const { id, name, icon, origin, redirect = [`${origin}/`] } = parsed.data;
  if (id === SYNAPSE_CLIENT_ID || builtInApps(config).some((app) => app.appId === id)) {
    throw new FrontDoorError(`--id: ${id} comes with the service; choose another.`);
  }
  const foreign = redirect.find((url) => new URL(url).origin !== origin || url.includes('#'));
  if (foreign !== undefined) {
    throw new FrontDoorError(`--redirect: ${foreign} is not on ${origin}, or has a fragment.`);
  }
  return { appId: id, name, icon, origins: [origin], redirectUris: redirect, scopes: APP_SCOPES };
}

/** Exit code 0; throws FrontDoorError when nothing is up here, or an option is wrong. */
export async function runAddApp(options: CommonOptions & AppOptions): Promise<number> {
  return await withDatabase(layoutFor(options), 'aura-app', async ({ pool }, config) => {
    const app = appFrom(options, config);
    const store = appStore(pool, () => performance.now());
    await store.upsertApp(app);
    const isOn = (await store.findApp(app.appId)) !== null;
    console.log(options.json ? JSON.stringify({ ...app, isOn }) : describe(app, isOn));
    return 0;
  });
}

function describe(app: App, isOn: boolean): string {
  const registered = `${app.icon} ${app.name} is registered as ${app.appId} at ${app.origins.join(', ')}`;
  return isOn
    ? `${registered}; within ${APP_ORIGINS_CACHE_SECONDS} s every process knows it.`
    : `${registered}, but it has been switched off, or deleted.`;
}
