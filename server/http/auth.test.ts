import { describe, expect, it } from 'vitest';
import { Refused } from '../errors.ts';
import { allowedOrigin, createAuth, FRAME_ACTIONS, hashToken, RULES, type Action, type Subject } from './auth.ts';
import { ROUTES } from './routes.ts';
import type { Topic } from '../../shared/protocol.ts';

const clock = { now: () => 1_000_000, monotonic: () => 1_000_000, after: () => () => undefined };
const deviceOf = (token: string) => (token === 'paired' ? { id: 'D', owner: 'admin' } : null);
const auth = createAuth({ tokenHash: hashToken('right'), secret: Buffer.from('secret'), clock, deviceOf });
const device: Subject = { kind: 'device', id: 'D', user: 'admin' };
const request = (headers: Record<string, string>, path = '/', query = '', remote = '203.0.113.9'): Parameters<typeof auth.subjectOf>[0] => ({
  method: 'GET', path, query: new URLSearchParams(query), header: (name) => headers[name] ?? '', remote,
});
const codeOf = (subject: Subject, action: Action, path = '/'): string => {
  try {
    auth.authorize(subject, action, { path });
    return 'allowed';
  } catch (error) {
    return error instanceof Refused ? error.code : 'not a refusal';
  }
};
const local = (headers: Record<string, string>, remote: string): boolean => {
  const subject = auth.subjectOf(request(headers, '/', '', remote));
  return subject.kind === 'anonymous' && subject.local;
};
const stranger: Subject = { kind: 'anonymous', local: false, why: 'shows nothing' };

describe('authorize', () => {
  it('[R2] has a rule for every route', () => {
    expect(ROUTES.filter((row) => RULES[row.action] === undefined)).toEqual([]);
    const open = ROUTES.filter((row) => RULES[row.action] === 'anyone').map((row) => row.path);
    expect(open).toEqual(['/api/pair', '/livez', '/readyz', '/api/openapi.json']);
    expect(ROUTES.filter((row) => RULES[row.action] !== 'admin' && row.method !== 'GET').map((row) => row.path)).toEqual(['/api/pair', '/api/media-url']);
  });

  it('[R2] has a rule for every frame, and a stranger may only say hello', () => {
    const frames = Object.entries(FRAME_ACTIONS);
    expect(frames.map(([name]) => name).toSorted()).toEqual(['chunk', 'gap', 'hello', 'page', 'ping', 'pong', 'region', 'start', 'stop', 'unwatch', 'watch', 'words']);
    expect(frames.filter(([, action]) => codeOf(stranger, action) === 'allowed').map(([name]) => name)).toEqual(['hello', 'ping', 'pong']);
    expect(frames.filter(([, action]) => codeOf({ kind: 'admin' }, action) !== 'allowed')).toEqual([]);
  });

  it('[I4] lets a device record and see recordings and clips, and nothing else', () => {
    const allowed = Object.keys(RULES).filter((action): action is Action => action in RULES).filter((action) => codeOf(device, action) === 'allowed' && RULES[action] !== 'anyone');
    expect(allowed).toEqual(['session.record', 'session.list', 'session.read', 'clip.list', 'clip.read', 'media.sign']);
    const watch = (topic: Topic): string => {
      try {
        auth.authorize(device, 'topic.watch', { topic });
        return 'allowed';
      } catch (error) {
        return error instanceof Refused ? error.code : 'not a refusal';
      }
    };
    expect([watch('session:S1'), watch('system'), codeOf(device, 'topic.watch')]).toEqual(['allowed', 'forbidden', 'forbidden']);
    expect(Object.entries(FRAME_ACTIONS).filter(([, action]) => codeOf(device, action) !== 'allowed').map(([name]) => name)).toEqual(['watch', 'unwatch']); // by their topic
    expect(auth.subjectOf(request({ authorization: 'Bearer paired' }))).toEqual(device);
    expect(auth.subjectOfToken('paired')).toEqual(device);
    expect(auth.verifyToken('paired')).toBe(false);
  });

  it('[R8] lets a signed link read its own media and nothing else', () => {
    const link: Subject = { kind: 'link', path: '/api/clips/C1/media' };
    const allowed = Object.keys(RULES).filter((action): action is Action => action in RULES).filter((action) => codeOf(link, action, '/api/clips/C1/media') === 'allowed' && RULES[action] !== 'anyone');
    expect(allowed).toEqual(['media.read']);
    expect(codeOf(link, 'media.read', '/api/clips/C2/media')).toBe('forbidden');
    expect(codeOf(link, 'session.delete')).toBe('forbidden');
    expect(codeOf(stranger, 'session.delete')).toBe('unauthorized');
  });

  it('knows the admin by token, whatever else is shown', () => {
    expect(auth.subjectOf(request({ authorization: 'Bearer right' }))).toEqual({ kind: 'admin' });
    expect(auth.subjectOf(request({ authorization: 'bearer  right' }))).toEqual({ kind: 'admin' });
    for (const authorization of ['Bearer wrong', 'Bearer ', 'Basic right', 'right', 'Bearer right wrong']) expect(auth.subjectOf(request({ authorization }))).toMatchObject({ kind: 'anonymous', local: false });
    expect(auth.subjectOfToken('right')).toEqual({ kind: 'admin' });
    expect(auth.subjectOfToken('')).toMatchObject({ kind: 'anonymous' });
    expect(auth.verifyToken('right\0')).toBe(false);
  });

  it('[R8] refuses signatures of another path, secret or time', () => {
    const url = new URL(auth.signPath('/api/clips/C1/media?version=2', 60), 'http://a');
    const from = (path: string, query: string): string => auth.subjectOf(request({}, path, query)).kind;
    expect(from(url.pathname, url.search)).toBe('link');
    expect(from('/api/clips/C2/media', url.search)).toBe('anonymous');
    const other = createAuth({ tokenHash: hashToken('right'), secret: Buffer.from('other'), clock, deviceOf });
    expect(from(url.pathname, new URL(other.signPath('/api/clips/C1/media', 60), 'http://a').search)).toBe('anonymous');
    const past = new URL(auth.signPath('/api/clips/C1/media', 0), 'http://a');
    expect(from(past.pathname, past.search)).toBe('anonymous');
    for (const query of ['sig=', 'sig=x&exp=1e99', 'sig=x', 'exp=2000']) expect(from('/api/clips/C1/media', query)).toBe('anonymous');
  });

  it('[R12] takes only this machine, unforwarded, for local', () => {
    expect([local({ host: 'localhost:80' }, '127.0.0.1'), local({ host: '[::1]:80' }, '::1')]).toEqual([true, true]);
    expect([local({ host: 'localhost' }, '10.0.0.1'), local({ host: 'evil.test' }, '127.0.0.1'), local({ host: 'localhost', via: 'x' }, '127.0.0.1'), local({}, '127.0.0.1')]).toEqual([false, false, false, false]);
    const open = createAuth({ tokenHash: '', secret: Buffer.from(''), clock, deviceOf, metricsPublic: true });
    expect(() => open.authorize(stranger, 'metrics.read', {})).not.toThrow();
  });
});

describe('allowedOrigin', () => {
  it.each([
    ['', 'a.test', true], ['http://a.test', 'a.test', true], ['https://a.test', 'a.test', true], ['https://a.test', 'a.test:443', true], ['http://a.test:8080', 'a.test:8080', true],
    [`chrome-extension://${'abcdefgh'.repeat(4)}`, 'a.test', true], ['https://studio.test', 'a.test', true],
    ['http://a.test:8081', 'a.test:8080', false], ['http://evil.test', 'a.test', false], ['null', 'a.test', false], ['http://a.test.evil.test', 'a.test', false], ['file://', '', false],
    ['chrome-extension://short', 'a.test', false], ['https://studio.test.evil.test', 'a.test', false], ['javascript:alert(1)', 'a.test', false], ['http://a.test', '', false],
  ])('[E3] %s at %s: %s', (origin, host, allowed) => {
    expect(allowedOrigin(origin, host, ['https://studio.test'])).toBe(allowed);
  });
});
