/**
 * Stands in for the service in tests of the launcher: answers `/health` on the public port, with the state of the parts
 * as it reads it, and shares the port with its likes.
 */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';

const { RUN_DIR = '', PUBLIC_PORT = '' } = process.env;
const server = createServer((_request, response) => {
  const { parts } = JSON.parse(readFileSync(join(RUN_DIR, 'parts.json'), 'utf8'));
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify({ status: 'ok', pid: process.pid, parts }));
});
server.listen({ port: Number(PUBLIC_PORT), host: '127.0.0.1', reusePort: true });
process.on('SIGTERM', () => process.exit(0));
