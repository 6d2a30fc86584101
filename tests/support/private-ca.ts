/** A certificate authority of the test's own, made by openssl, and HTTPS servers that it vouches for. */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';

export interface PrivateCa {
  /** The authority's certificate, PEM. */
  readonly certificate: string;
  readonly path: string;
  /** A key and its certificate for `names` (DNS names and addresses). */
  issue(names: readonly string[]): { readonly key: Buffer; readonly cert: Buffer };
  /** A server for `names` (DNS names and addresses) on a free port of `host`. */
  serve(
    names: readonly string[],
    listener: RequestListener,
    host?: string,
  ): Promise<{ readonly server: Server; readonly port: number }>;
}

export function makePrivateCa(): PrivateCa {
  const folder = mkdtempSync(join(tmpdir(), 'aura-ca-'));
  after(() => rmSync(folder, { recursive: true, force: true }));
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' });
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  openssl(
    'req',
    '-x509',
    ...key,
    '-keyout',
    'ca.key',
    '-out',
    'ca.pem',
    '-days',
    '2',
    '-subj',
    '/CN=Test CA',
  );
  let made = 0;
  const issue = (names: readonly string[]) => {
    made += 1;
    const name = `server${made}`;
    const alternatives = names.map((one) => `${/^[0-9.]+$|:/.test(one) ? 'IP' : 'DNS'}:${one}`).join(',');
    writeFileSync(join(folder, `${name}.ext`), `subjectAltName=${alternatives}\n`);
    openssl('req', ...key, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${name}`);
    openssl(
      ...['x509', '-req', '-in', `${name}.csr`, '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial'],
      ...['-out', `${name}.pem`, '-days', '2', '-extfile', `${name}.ext`],
    );
    return {
      key: readFileSync(join(folder, `${name}.key`)),
      cert: readFileSync(join(folder, `${name}.pem`)),
    };
  };
  return {
    certificate: readFileSync(join(folder, 'ca.pem'), 'utf8'),
    path: join(folder, 'ca.pem'),
    issue,
    async serve(names, listener, host = '127.0.0.1') {
      const server = createServer(issue(names), listener);
      server.listen(0, host);
      await once(server, 'listening');
      after(() => {
        server.close();
        server.closeAllConnections();
      });
      return { server, port: (server.address() as AddressInfo).port };
    },
  };
}
