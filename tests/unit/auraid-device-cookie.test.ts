/** The device's cookie: made once, believed while a key of ours signed it, bound to our host where there is TLS. */
import assert from 'node:assert/strict';
import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { test } from 'node:test';
import { createDeviceCookie } from '../../auralink-communication-service/http/device-cookie.ts';

function exchange(cookie?: string): { request: IncomingMessage; response: ServerResponse } {
  const request = new IncomingMessage(new Socket());
  if (cookie !== undefined) request.headers.cookie = cookie;
  return { request, response: new ServerResponse(request) };
}

function setCookieOf(response: ServerResponse): string {
  return String(response.getHeader('set-cookie'));
}

test('a new browser gets a key, which stays the same within the request and in the next one', () => {
  const cookie = createDeviceCookie(['key-one'], false);
  const { request, response } = exchange();
  const key = cookie.ensure(request, response);
  assert.equal(cookie.ensure(request, response), key);
  assert.equal(cookie.find(request), key);
  const set = setCookieOf(response);
  assert.match(set, /^auralink_device=[^;]+; Path=\/; Max-Age=34560000; HttpOnly; SameSite=Lax$/);
  const next = exchange(`other=1; ${set.split(';')[0]}`);
  assert.equal(cookie.ensure(next.request, next.response), key);
  assert.equal(next.response.getHeader('set-cookie'), undefined);
});

test('with TLS the cookie cannot be set by a neighbouring host', () => {
  const cookie = createDeviceCookie(['key-one'], true);
  const { request, response } = exchange();
  cookie.ensure(request, response);
  assert.match(setCookieOf(response), /^__Host-auralink_device=.*; Path=\/;.*; Secure$/);
});

test('a key that has been replaced is still believed; one that is gone is not', () => {
  const { request, response } = exchange();
  const key = createDeviceCookie(['old'], false).ensure(request, response);
  const sent = () => exchange(setCookieOf(response).split(';')[0]).request;
  assert.equal(createDeviceCookie(['new', 'old'], false).find(sent()), key);
  assert.equal(createDeviceCookie(['new'], false).find(sent()), null);
});

test('of several cookies of the name the genuine one is found', () => {
  const cookie = createDeviceCookie(['key-one'], false);
  const { request, response } = exchange();
  const key = cookie.ensure(request, response);
  const planted = `auralink_device=planted.AAAA; auralink_device=; ${setCookieOf(response).split(';')[0]}`;
  assert.equal(cookie.find(exchange(planted).request), key);
});
