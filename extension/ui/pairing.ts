// Pairing with a server, by the one-time code it shows or by a token. Rules are pure; requests go through the `fetch` given.
import { z } from 'zod';
import { sentence } from '../../shared/format.ts';
import type { Pairing } from '../settings.ts';

const WAIT_MS = 10_000;
const CODE_LENGTH = 8;
const paired = z.object({ token: z.string().min(1).max(512), deviceId: z.string().max(64), user: z.string().max(256) });
const refused = z.object({ error: z.object({ code: z.string(), message: z.string() }) });

export type Proof = { by: 'code'; code: string } | { by: 'token'; token: string };
/** `field`: what the person should look at. */
export type Pairs = { ok: true; pairing: Pairing } | { ok: false; field: 'address' | 'secret'; message: string };

/** "abcd efgh", "ABCDEFGH", "abcd-efgh" → "ABCD-EFGH"; null where it is no code. */
export const normalCode = (typed: string): string | null => {
  const plain = typed.replace(/[\s\-‐‑‒–—_.]/g, '').toUpperCase();
  return plain.length === CODE_LENGTH && /^[A-Z0-9]+$/.test(plain) ? `${plain.slice(0, 4)}-${plain.slice(4)}` : null;
};

const isLoopback = (host: string): boolean => /^(localhost|.+\.localhost|127(\.\d+){3}|\[::1\])$/i.test(host);
const isPrivate = (host: string): boolean => isLoopback(host) || /^(10|192\.168|172\.(1[6-9]|2\d|3[01])|169\.254)\./.test(host) || /\.(local|lan|home|internal)$/i.test(host) || !host.includes('.');

/** The address without query, fragment and trailing slash; http:// is assumed at home and https:// elsewhere. Null: no web address. */
export const normalAddress = (typed: string): string | null => {
  const text = typed.trim();
  const bare = text.replace(/^https?:\/\//i, '');
  if (bare === '' || /^[a-z][a-z0-9+.-]*:\/\//i.test(bare) || /\s/.test(bare)) return null;
  const scheme = /^https?:\/\//i.exec(text)?.[0];
  if (!URL.canParse(`${scheme ?? 'http://'}${bare}`)) return null;
  const url = new URL(`${scheme ?? 'http://'}${bare}`);
  if (scheme === undefined && !isPrivate(url.hostname)) url.protocol = 'https:';
  return `${url.origin}${url.pathname.replace(/\/+$/, '')}`;
};

/** What to say before video and token travel unencrypted; '' where there is nothing to say. */
export const addressWarning = (address: string): string => {
  const { protocol, hostname } = new URL(address);
  return protocol === 'http:' && !isLoopback(hostname) ? `http:// to ${hostname} is not encrypted: everyone on the way can read the video and the token. Use https:// outside a network you trust.` : '';
};

/** "Chrome on Linux": how the server lists this browser. */
export const deviceName = (userAgent: string): string => {
  const browser = /Edg\//.test(userAgent) ? 'Edge' : /OPR\//.test(userAgent) ? 'Opera' : /Chrome\//.test(userAgent) ? 'Chrome' : 'Browser';
  const system = ([['Windows', /Windows/], ['ChromeOS', /CrOS/], ['macOS', /Mac OS/], ['Android', /Android/], ['Linux', /Linux/]] as const).find(([, pattern]) => pattern.test(userAgent))?.[0];
  return system ? `${browser} on ${system}` : browser;
};

type Answer = { at: 'answered'; status: number; body: unknown } | { at: 'failed'; message: string };

const request = async (send: typeof fetch, url: string, init: RequestInit): Promise<Answer> => {
  const host = new URL(url).host;
  try {
    const reply = await send(url, { ...init, credentials: 'omit', redirect: 'manual', cache: 'no-store', signal: AbortSignal.timeout(WAIT_MS) });
    if (reply.type === 'opaqueredirect') return { at: 'failed', message: `${host} sends on to another address. Enter that one; often it is the same with https://.` };
    const body: unknown = await reply.json().catch(() => null);
    return { at: 'answered', status: reply.status, body };
  } catch (error) {
    if (error instanceof DOMException && error.name === 'TimeoutError') return { at: 'failed', message: `${host} did not answer within ${WAIT_MS / 1000} s. Is the server running, and does a firewall stand between?` };
    return { at: 'failed', message: `${host} cannot be reached. Check the address and port, that the server is running, and that this computer is online.` };
  }
};

const notClippy = (url: string): string => `${new URL(url).host} answers, but not as a Clippy server. Check the address and port; the server prints them when it starts.`;

const byCode = async (send: typeof fetch, address: string, code: string, name: string): Promise<Pairs> => {
  const url = `${address}/api/pair`;
  const answer = await request(send, url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ code, name }) });
  if (answer.at === 'failed') return { ok: false, field: 'address', message: answer.message };
  const good = paired.safeParse(answer.body);
  if (answer.status === 200 && good.success) return { ok: true, pairing: { url: address, ...good.data } };
  const said = refused.safeParse(answer.body);
  if (!said.success) return { ok: false, field: 'address', message: notClippy(url) };
  // the server's message says what was wrong and what to do
  return { ok: false, field: answer.status < 500 && answer.status !== 403 ? 'secret' : 'address', message: `${sentence(said.data.error.message)}.` };
};

/** Asks what any token may ask, or be told it may not: both show that the server knows it. */
const checkToken = async (send: typeof fetch, address: string, token: string): Promise<{ ok: true } | { ok: false; field: 'address' | 'secret'; message: string }> => {
  const url = `${address}/api/status`;
  const answer = await request(send, url, { method: 'GET', headers: { authorization: `Bearer ${token}` } });
  if (answer.at === 'failed') return { ok: false, field: 'address', message: answer.message };
  const said = refused.safeParse(answer.body);
  if (answer.status === 401 && said.success) return { ok: false, field: 'secret', message: 'The server does not know this token (any more). Copy it again, or pair with a code from the dashboard (Devices).' };
  if (answer.status === 403 && said.success) return { ok: true };
  if (answer.status === 200 && typeof answer.body === 'object' && answer.body !== null) return { ok: true };
  return { ok: false, field: 'address', message: said.success ? `The server answered: ${said.data.error.message}` : notClippy(url) };
};

export const pair = async (options: { send: typeof fetch; address: string; proof: Proof; name: string }): Promise<Pairs> => {
  const address = normalAddress(options.address);
  if (address === null) return { ok: false, field: 'address', message: options.address.trim() === '' ? 'Enter the address of your server, for example localhost:7070.' : `"${options.address.trim()}" is not a web address. It looks like localhost:7070 or https://clips.example.org.` };
  const { proof } = options;
  if (proof.by === 'code') {
    const code = normalCode(proof.code);
    if (code === null) return { ok: false, field: 'secret', message: 'A code has 8 letters and digits, like ABCD-EFGH. Make one on the dashboard, under Devices, or with npm run pair.' };
    return byCode(options.send, address, code, options.name);
  }
  const token = proof.token.trim();
  if (token === '' || token.length > 512) return { ok: false, field: 'secret', message: 'Enter the token your server printed when it started.' };
  const checked = await checkToken(options.send, address, token);
  return checked.ok ? { ok: true, pairing: { url: address, token, deviceId: '', user: '' } } : checked;
};

/** For the options page: does the paired server answer, and does it still know this browser? */
export const testConnection = async (send: typeof fetch, pairing: Pairing, now: () => number): Promise<{ ok: boolean; message: string }> => {
  const from = now();
  const checked = await checkToken(send, pairing.url, pairing.token);
  return checked.ok ? { ok: true, message: `The server answers in ${Math.round(now() - from)} ms and knows this browser.` } : checked;
};
