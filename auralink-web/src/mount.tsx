/** Starts a page: the endpoint, its stores, React. */
import type { ComponentType } from 'react';
import { createRoot } from 'react-dom/client';
import type { AuraLink } from '../../auralink-client/index.ts';
import { boot } from './boot.ts';
import { CallController } from './call/controller.ts';
import { SessionStore } from './session.ts';

export interface PageProps {
  readonly auralink: AuraLink;
  readonly session: SessionStore;
  readonly controller: CallController;
}

export function rootElement(): HTMLElement {
  const root = document.getElementById('root');
  if (root === null) throw new Error('The page has no element with the id "root".');
  return root;
}

export async function mount(
  appId: string,
  baseUrl: string,
  Page: ComponentType<PageProps>,
  scope?: string,
): Promise<void> {
  const { auralink, signInError } = await boot(appId, baseUrl, scope);
  // The controller first: it must be listening when the session begins to connect.
  const controller = new CallController(auralink);
  const session = new SessionStore(auralink, signInError);
  createRoot(rootElement()).render(<Page auralink={auralink} session={session} controller={controller} />);
}
