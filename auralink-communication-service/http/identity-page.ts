/** The page that a link in an e-mail opens: it asks for a press, so that programs which open links prove nothing. */
import type { FastifyReply } from 'fastify';

const STYLE =
  'body{font:1.1rem/1.5 system-ui,sans-serif;max-width:32rem;margin:4rem auto;padding:0 1rem;color:#111;background:#fff}' +
  'button{font:inherit;padding:.75rem 1.5rem;min-height:44px}@media(prefers-color-scheme:dark){body{color:#eee;background:#111}}';

const escaped = (text: string): string => text.replace(/[&<>"']/g, (sign) => `&#${sign.codePointAt(0)};`);

function sendPage(reply: FastifyReply, status: number, title: string, body: string): FastifyReply {
  return reply
    .code(status)
    .type('text/html; charset=utf-8')
    .headers({
      'content-security-policy':
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
      'cache-control': 'no-store',
    })
    .send(
      `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">` +
        `<title>${escaped(title)}</title><style>${STYLE}</style><main><h1>${escaped(title)}</h1>${body}</main></html>`,
    );
}

/** A form with the same three values as the link. `nextLink`: whither it goes on. */
export function sendPressPage(
  reply: FastifyReply,
  action: string,
  fields: Readonly<Record<string, string>>,
  nextLink: string | null,
): FastifyReply {
  const inputs = Object.entries(fields)
    .map(([name, value]) => `<input type="hidden" name="${escaped(name)}" value="${escaped(value)}">`)
    .join('');
  const then =
    nextLink === null ? '' : `<p>Afterwards you can go on to <b>${escaped(new URL(nextLink).host)}</b>.</p>`;
  const body =
    '<p>Press the button if it was you who asked for it.</p>' +
    `<form method="post" action="${escaped(action)}">${inputs}<button autofocus>Yes, this is my address</button></form>${then}`;
  return sendPage(reply, 200, 'Is this your address?', body);
}

export function sendDonePage(reply: FastifyReply, nextLink: string | null): FastifyReply {
  const go = nextLink === null ? '<p>You can close this page.</p>' : linkTo(nextLink);
  return sendPage(reply, 200, 'Your address is confirmed', go);
}

function linkTo(nextLink: string): string {
  return `<p><a rel="noreferrer" href="${escaped(nextLink)}">Go on to ${escaped(new URL(nextLink).host)}</a></p>`;
}

export function sendRefusedPage(reply: FastifyReply, status: number, why: string): FastifyReply {
  return sendPage(reply, status, 'This did not work', `<p>${escaped(why)}</p>`);
}
