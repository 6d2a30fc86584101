/** An app's sign: an emoji, or a picture on our origin. */
import type { AppInfo } from '../../../auralink-client/index.ts';

export function AppIcon({ app }: { app: AppInfo }) {
  if (app.icon.startsWith('/')) {
    return <img className="app-icon" src={app.icon} alt="" width="20" height="20" />;
  }
  return (
    <span className="app-icon" aria-hidden="true">
      {app.icon}
    </span>
  );
}
