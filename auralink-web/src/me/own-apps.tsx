/** Apps that she answers for as their developer: what they are, how far their quotas are used, and their keys. */
import { useState } from 'react';
import type { OwnApp } from '../../../auralink-client/index.ts';
import { AppIcon } from '../call/app-icon.tsx';
import type { PageProps } from '../mount.tsx';
import { Empty, Panel, Row, Rows, Sheet, Waiting } from '../ui/panel.tsx';
import { useLoaded } from '../ui/use-loaded.ts';
import { AppEnding } from './app-ending.tsx';
import { AppForm } from './app-form.tsx';
import { AppKeys } from './app-keys.tsx';
import { quotaWords } from './quota-words.ts';

type Open = { readonly what: 'change' | 'keys'; readonly app: OwnApp } | null;

export function OwnAppsPage({ auralink }: PageProps) {
  const apps = useLoaded(() => auralink.ownApps.list());
  const [open, setOpen] = useState<Open>(null);
  const changed = async (): Promise<void> => {
    await apps.reload();
    setOpen(null);
  };
  return (
    <>
      <Panel
        title="Your apps"
        intro="Apps that you make and answer for. People sign in to them with their address."
        testId="own-apps"
      >
        <Waiting of={apps} />
        {apps.value?.length === 0 && <Empty>No app yet.</Empty>}
        {apps.value !== null && apps.value.length > 0 && (
          <Rows label="Your apps">
            {apps.value.map((app) => (
              <OwnAppRow key={app.appId} app={app} onOpen={setOpen} />
            ))}
          </Rows>
        )}
      </Panel>
      <Panel title="Make an app" intro="Its id is what your code names it by; it never changes.">
        <AppForm
          app={null}
          onSave={async (appId, data) => {
            await auralink.ownApps.put(appId, data);
            await apps.reload();
          }}
        />
      </Panel>
      {open?.what === 'change' && (
        <Sheet title={`Change ${open.app.name}`} onClose={() => setOpen(null)}>
          <AppForm
            app={open.app}
            onSave={async (appId, data) => {
              await auralink.ownApps.put(appId, data);
              await changed();
            }}
          />
          <AppEnding auralink={auralink} app={open.app} onDone={changed} />
        </Sheet>
      )}
      {open?.what === 'keys' && (
        <Sheet title={`Keys of ${open.app.name}`} onClose={() => setOpen(null)}>
          <AppKeys auralink={auralink} app={open.app} />
        </Sheet>
      )}
    </>
  );
}

function OwnAppRow({ app, onOpen }: { app: OwnApp; onOpen: (open: Open) => void }) {
  return (
    <Row
      testId="own-app"
      lead={<AppIcon app={app} />}
      title={app.name}
      detail={`${app.appId} at ${app.origins.join(', ')}. ${quotaWords(app)}`}
    >
      {!app.isOn && <span className="chip">Switched off</span>}
      {(['change', 'keys'] as const).map((what) => (
        <button
          key={what}
          type="button"
          className="button quiet small"
          aria-label={what === 'change' ? `Change ${app.name}` : `Keys of ${app.name}`}
          onClick={() => onOpen({ what, app })}
        >
          {what === 'change' ? 'Change' : 'Keys'}
        </button>
      ))}
    </Row>
  );
}
