import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { addressWarning, deviceName, normalAddress, normalCode, pair, testConnection } from './pairing.ts';

it.each([['ABCD-EFGH', 'ABCD-EFGH'], [' abcd efgh ', 'ABCD-EFGH'], ['ab-cd–ef—gh', 'ABCD-EFGH'], ['abc2efg9', 'ABC2-EFG9'], ['ABCD-EFG', null], ['ABCD-EFGHI', null], ['ABCD-EFG!', null], ['', null]])('code %j', (typed, code) => expect(normalCode(typed)).toBe(code));

it.each([
  ['localhost:7070', 'http://localhost:7070'], ['127.0.0.1:7070/', 'http://127.0.0.1:7070'], ['nas:7070', 'http://nas:7070'], ['192.168.1.4:7070', 'http://192.168.1.4:7070'], ['clips.example.org', 'https://clips.example.org'],
  ['HTTPS://Clips.example.org/sub/#token=abc', 'https://clips.example.org/sub'], ['http://clips.example.org', 'http://clips.example.org'], ['https://user:pass@example.org/?a=b', 'https://example.org'],
  ['', null], ['https://', null], ['ftp://example.org', null], ['javascript://x', null], ['two words', null], ['https://exa mple.org', null],
])('address %j', (typed, address) => expect(normalAddress(typed)).toBe(address));

it('warns of http to another computer only', () => {
  expect(addressWarning('http://clips.example.org')).toContain('clips.example.org is not encrypted');
  expect(addressWarning('http://192.168.1.4:7070')).not.toBe('');
  for (const address of ['https://clips.example.org', 'http://localhost:7070', 'http://127.0.0.1:7070', 'http://[::1]:7070']) expect(addressWarning(address)).toBe('');
});

it.each([
  ['Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36', 'Chrome on Linux'],
  ['Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36 Edg/156.0.0.0', 'Edge on Windows'],
  ['Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36', 'Chrome on macOS'], ['x', 'Browser'],
])('device %#', (userAgent, name) => expect(deviceName(userAgent)).toBe(name));

describe('against a server', () => {
  let reply: (request: IncomingMessage, body: string, response: ServerResponse) => void;
  const seen: { method: string; url: string; body: string; authorization: string }[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (part) => { body += String(part); });
    request.on('end', () => {
      seen.push({ method: request.method ?? '', url: request.url ?? '', body, authorization: request.headers.authorization ?? '' });
      reply(request, body, response);
    });
  });
  const say = (status: number, value: unknown): void => {
    reply = (_, __, response) => response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
  };
  let address: string;
  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => new Promise((resolve) => server.close(resolve)));
  const byCode = (code = 'abcd efgh') => pair({ send: fetch, address, proof: { by: 'code', code }, name: 'Chrome on Linux' });
  const byToken = (token = ' t0ken ') => pair({ send: fetch, address, proof: { by: 'token', token }, name: 'Chrome on Linux' });

  it('[B20] trades the code, as the server spells it, for a token', async () => {
    say(200, { token: 'secret', deviceId: 'd1', user: 'maja' });
    expect(await byCode()).toEqual({ ok: true, pairing: { url: `http://${address}`, token: 'secret', deviceId: 'd1', user: 'maja' } });
    expect(seen.at(-1)).toMatchObject({ method: 'POST', url: '/api/pair', body: JSON.stringify({ code: 'ABCD-EFGH', name: 'Chrome on Linux' }) });
  });
  it.each([
    [401, { error: { code: 'unauthorized', message: 'this pairing code is wrong: make another' } }, 'secret', /^This pairing code is wrong: make another\.$/], [429, { error: { code: 'too_many', message: 'wait 40 s' } }, 'secret', /^Wait 40 s/],
    [403, { error: { code: 'forbidden', message: 'a page of x may not pair' } }, 'address', /^A page of x/], [503, { error: { code: 'unavailable', message: 'the database is away' } }, 'address', /^The database is away/], [200, { hello: 'world' }, 'address', /not as a Clippy server/], [404, 'nothing here', 'address', /not as a Clippy server/],
    [200, { token: '', deviceId: 'd', user: 'u' }, 'address', /not as a Clippy server/],
  ] as const)('says what to do after %i %j', async (status, body, field, message) => {
    say(status, body);
    expect(await byCode()).toEqual({ ok: false, field, message: expect.stringMatching(message) as unknown });
  });
  it('does not ask the server about what is no code, no token, no address', async () => {
    const asked = seen.length;
    expect(await byCode('ABC')).toMatchObject({ ok: false, field: 'secret' });
    expect(await byToken('  ')).toMatchObject({ ok: false, field: 'secret' });
    expect(await pair({ send: fetch, address: 'two words', proof: { by: 'token', token: 'x' }, name: '' })).toMatchObject({ ok: false, field: 'address' });
    expect(seen.length).toBe(asked);
  });
  it('takes a token the server knows, also one that may do little', async () => {
    say(200, { version: '1' });
    expect(await byToken()).toMatchObject({ ok: true, pairing: { token: 't0ken' } });
    expect(seen.at(-1)?.authorization).toBe('Bearer t0ken');
    say(403, { error: { code: 'forbidden', message: 'not for devices' } });
    expect(await byToken()).toMatchObject({ ok: true });
    say(401, { error: { code: 'unauthorized', message: 'void' } });
    expect(await byToken()).toMatchObject({ ok: false, field: 'secret' });
    const pairing = { url: `http://${address}`, token: 't', deviceId: '', user: '' };
    expect(await testConnection(fetch, pairing, () => 0)).toMatchObject({ ok: false, message: expect.stringContaining('does not know this token') as unknown });
  });
  it('names an address nobody answers at', async () => {
    const closed = createServer();
    await new Promise<void>((resolve) => closed.listen(0, '127.0.0.1', resolve));
    const { port } = closed.address() as AddressInfo;
    await new Promise((resolve) => closed.close(resolve));
    expect(await pair({ send: fetch, address: `127.0.0.1:${port}`, proof: { by: 'code', code: 'ABCDEFGH' }, name: '' })).toEqual({ ok: false, field: 'address', message: expect.stringContaining(`127.0.0.1:${port} cannot be reached`) as unknown });
  });
});
