/** The three small pages that the provider shows by itself; no script, so that any content policy lets them be. */
import type { ErrorOut, KoaContextWithOIDC } from 'oidc-provider';

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
}

function page(title: string, body: string): string {
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${escapeHtml(title)} · AuraLink</title>
<meta name="viewport" content="width=device-width,initial-scale=1"><style>
body{font:1rem/1.5 system-ui,sans-serif;max-width:28rem;margin:18vh auto;padding:0 1.5rem;color-scheme:light dark}
button{font:inherit;padding:.6rem 1.2rem;border-radius:.6rem;border:1px solid;cursor:pointer;margin-right:.5rem}
</style></head><body><main><h1>${escapeHtml(title)}</h1>${body}</main></body></html>`;
}

function send(ctx: KoaContextWithOIDC, html: string): void {
  ctx.type = 'html';
  ctx.set('content-security-policy', "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'");
  ctx.set('cache-control', 'no-store');
  ctx.body = html;
}

/** An authorization request that cannot be sent back to its app. `out` holds OAuth's error fields. */
export async function errorPage(ctx: KoaContextWithOIDC, out: ErrorOut): Promise<void> {
  const detail = out.error_description ?? out.error;
  send(
    ctx,
    page(
      'This sign-in cannot go on',
      `<p>Please go back to the app and sign in again.</p><p><small>${escapeHtml(detail)}</small></p>`,
    ),
  );
}

/** Asks before ending the session; `form` is the provider's own, with its token against forgery. */
export async function logoutPage(ctx: KoaContextWithOIDC, form: string): Promise<void> {
  send(
    ctx,
    page(
      'Sign out of AuraLink?',
      `<p>This signs out every app on this device.</p>${form}
<button form="op.logoutForm" name="logout" value="yes">Sign out</button>
<button form="op.logoutForm">Stay</button>`,
    ),
  );
}

export async function signedOutPage(ctx: KoaContextWithOIDC): Promise<void> {
  send(ctx, page('You are signed out', '<p>You can close this page.</p>'));
}
