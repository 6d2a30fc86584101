/**
 * The public door as no browser would knock on it: any Host, any path byte for byte, any header, any body; and a socket
 * that says whatever it likes and tells how it was answered.
 */
import { request as httpRequest } from 'node:http';
import { WebSocket } from 'ws';

export interface RawAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

export interface RawRequest {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
  /** Address to connect to; default loopback. */
  readonly address?: string;
}

export interface RawSocket {
  readonly origin?: string;
  /** The Host header. */
  readonly host?: string;
  readonly path?: string;
  /** Sent one after the other as soon as it is open: text, or binary. */
  readonly send?: readonly (string | Buffer)[];
}

export interface RawDoor {
  raw(path: string, request?: RawRequest): Promise<RawAnswer>;
  /** The code with which the socket was closed, the HTTP status with which it was refused, or 0 when it was welcomed. */
  socketCode(socket: RawSocket): Promise<number>;
}

export function openRawDoor(port: number): RawDoor {
  const raw: RawDoor['raw'] = (path, { method = 'GET', headers = {}, body, address = '127.0.0.1' } = {}) =>
    new Promise((resolve, reject) => {
      const request = httpRequest({ host: address, port, path, method, headers }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk) => {
          text += chunk;
        });
        response.on('end', () => {
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text });
        });
      });
      request.on('error', reject);
      request.end(body);
    });
  const socketCode: RawDoor['socketCode'] = (options) =>
    new Promise((resolve) => {
      const socket = new WebSocket(`ws://127.0.0.1:${port}${options.path ?? '/_auralink/v1/socket'}`, {
        ...(options.origin === undefined ? {} : { origin: options.origin }),
        ...(options.host === undefined ? {} : { headers: { host: options.host } }),
      });
      socket.on('open', () => {
        for (const frame of options.send ?? []) socket.send(frame);
      });
      socket.on('message', () => {
        resolve(0);
        socket.terminate();
      });
      socket.on('unexpected-response', (_request, response) => {
        resolve(response.statusCode ?? -1);
        response.resume();
      });
      socket.on('error', () => {});
      socket.on('close', (code) => resolve(code));
    });
  return { raw, socketCode };
}
