/** The database's socket: what is written in one turn leaves in one system call, in order, and nothing is kept back. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { test } from 'node:test';
import { turnSocket } from '../../auralink-communication-service/store/db-socket.ts';

async function connected(t: {
  after(end: () => void): void;
}): Promise<{ socket: Socket; heard: () => string }> {
  let text = '';
  const server = createServer((peer) => peer.setEncoding('utf8').on('data', (chunk) => (text += chunk)));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const socket = turnSocket();
  socket.connect(address.port, '127.0.0.1');
  await once(socket, 'connect');
  t.after(() => {
    socket.destroy();
    server.close();
  });
  return { socket, heard: () => text };
}

const written = (socket: Socket, chunk: string) =>
  new Promise<void>((resolve, reject) => socket.write(chunk, (error) => (error ? reject(error) : resolve())));

/** As pg writes the messages of one statement. */
function ask(socket: Socket, ...messages: string[]): void {
  socket.cork();
  for (const message of messages) socket.write(message);
  socket.uncork();
}

test('statements of one turn, and of the promises that it settles, leave together and in order', async (t) => {
  const { socket, heard } = await connected(t);
  const calls: string[] = [];
  for (const call of ['_write', '_writev'] as const) {
    const plain = (socket as unknown as Record<string, (...all: unknown[]) => void>)[call]?.bind(socket);
    Object.defineProperty(socket, call, {
      value: (...all: unknown[]) => {
        calls.push(call);
        plain?.(...all);
      },
    });
  }
  ask(socket, 'a', 'b');
  await Promise.resolve();
  ask(socket, 'c', 'd');
  await written(socket, 'e');
  assert.deepEqual(calls, ['_writev']);
  ask(socket, 'f', 'g');
  socket.end('h');
  await once(socket, 'close');
  assert.deepEqual(calls, ['_writev', '_writev']);
  assert.equal(heard(), 'abcdefgh');
});
