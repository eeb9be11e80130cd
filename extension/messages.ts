// Every message between the parts, checked where it arrives. Pages are stateless views, the service worker is a stateless router
// (it dies after 30 s without work), the recorder (offscreen document) holds all state.
//   page → worker: start, stop, …        worker → recorder: begin, configure        content script → recorder: region
//   recorder → everyone: view            recorder → worker: notify, hello
import { z } from 'zod';
import { MAX_SOURCE_URL, MAX_TITLE } from '../shared/protocol.ts';
import { pairingShape, settingsShape } from './settings.ts';
import type { RecorderView } from './view.ts';

const tabId = z.number().int().nonnegative();
const key = z.string().regex(/^[0-9A-HJKMNP-TV-Z]{26}$/);
const text = (max: number) => z.string().max(max);
const side = z.number().finite().min(-1e6).max(1e6);
export const rectangleShape = z.object({ x: side, y: side, width: side, height: side });

/** For the service worker, from a page of the extension. */
export const workerMessage = z.discriminatedUnion('type', [
  /** gives the view; wakes the recorder */
  z.object({ to: z.literal('worker'), type: z.literal('view') }),
  /** the id is got by the page that asks: one got by the worker does not open for an isolated document, and the recorder is one */
  z.object({ to: z.literal('worker'), type: z.literal('start'), tabId, streamId: text(512) }),
  /** recorder, at its birth: gives its configuration */
  z.object({ to: z.literal('worker'), type: z.literal('hello') }),
  z.object({ to: z.literal('worker'), type: z.literal('notify'), kind: z.enum(['clip', 'trouble']), id: text(128), title: text(256), message: text(1024), image: text(400_000).default('') }),
  z.object({ to: z.literal('worker'), type: z.literal('download'), url: z.string().startsWith('blob:').max(512), filename: text(256) }),
  /** the page's title, address and whether it may be watched: looked up for a tab being recorded */
  z.object({ to: z.literal('worker'), type: z.literal('watchPage'), tabId }),
]);
export type WorkerMessage = z.infer<typeof workerMessage>;

/** For the recorder, from the service worker or a page of the extension. */
export const recorderMessage = z.discriminatedUnion('type', [
  z.object({ to: z.literal('recorder'), type: z.literal('view') }),
  z.object({ to: z.literal('recorder'), type: z.literal('begin'), tabId, streamId: text(512), title: text(MAX_TITLE), sourceUrl: text(MAX_SOURCE_URL) }),
  z.object({ to: z.literal('recorder'), type: z.literal('stop'), key }),
  z.object({ to: z.literal('recorder'), type: z.literal('configure'), settings: settingsShape, pairing: pairingShape.nullable() }),
  /** saves the last `seconds` of this recording as a file; works without a server */
  z.object({ to: z.literal('recorder'), type: z.literal('save'), key, seconds: z.number().int().min(1).max(1800) }),
  /** sends, or throws away, what an earlier run left */
  z.object({ to: z.literal('recorder'), type: z.literal('upload'), key }),
  z.object({ to: z.literal('recorder'), type: z.literal('discard'), key }),
  /** the side panel follows this session, or none */
  z.object({ to: z.literal('recorder'), type: z.literal('watch'), session: text(64).nullable() }),
  z.object({ to: z.literal('recorder'), type: z.literal('reconnect') }),
  z.object({ to: z.literal('recorder'), type: z.literal('tab'), tabId, event: z.enum(['closed', 'navigated']), title: text(MAX_TITLE), sourceUrl: text(MAX_SOURCE_URL) }),
  z.object({ to: z.literal('recorder'), type: z.literal('model'), change: z.enum(['stored', 'removed']) }),
]);
export type RecorderMessage = z.infer<typeof recorderMessage>;

/** A frame of a page is known to the frame above it by this random word; it gives no power to a page that reads it (region-compose.ts). */
const link = text(36);
/**
 * For the recorder, from the content script of each frame of a tab being recorded: CSS pixels of the sender's own viewport.
 * A reply `ok: false` ends the script; one that is not answered for a while ends itself.
 */
export const regionMessage = z.object({
  to: z.literal('recorder'), type: z.literal('region'),
  /** the visible part of the frame's own largest video */
  rect: rectangleShape.nullable(),
  viewport: z.object({ width: z.number().positive().max(1e5), height: z.number().positive().max(1e5) }),
  playing: z.boolean().nullable(),
  /** what the top frame is called, and its address; null in the frames inside it */
  page: z.object({ title: text(MAX_TITLE), sourceUrl: text(MAX_SOURCE_URL) }).nullable().default(null),
  /** what the frame above calls the sender; null in the top frame, and before it is known */
  link: link.nullable().default(null),
  /** the frames inside the sender: where their whole viewports lie, and which part of that can be seen */
  frames: z.array(z.object({ link, box: rectangleShape, part: rectangleShape })).max(16).default([]),
});
export type RegionMessage = z.infer<typeof regionMessage>;

/** For the content scripts of a tab, by chrome.tabs.sendMessage. */
export type PageMessage = { to: 'page'; type: 'stop' };

/** To every page. */
export type ViewMessage = { to: 'pages'; type: 'view'; view: RecorderView };

export type Reply<T = null> = { ok: true; value: T } | { ok: false; error: { code: string; message: string } };

/** A failure a person can act on. */
export class ExtensionError extends Error {
  readonly code: string;
  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ExtensionError';
    this.code = code;
  }
}

/** Came from a page or the worker of this extension, and not from a content script, a web page or another extension. */
export const isOurs = (sender: chrome.runtime.MessageSender): boolean =>
  sender.id === chrome.runtime.id && (sender.url === undefined || sender.url.startsWith(chrome.runtime.getURL(''))) && (sender.origin === undefined || sender.origin === new URL(chrome.runtime.getURL('')).origin);

/** The message, or an ExtensionError `bad_message` that names every offending field. */
export const checked = <T>(shape: z.ZodType<T>, message: unknown): T => {
  const parsed = shape.safeParse(message);
  if (parsed.success) return parsed.data;
  throw new ExtensionError('bad_message', parsed.error.issues.map(({ path, message: why }) => `${path.join('.')}: ${why}`).join('; '));
};

/** Answers a message; what `run` throws becomes a typed refusal. Returns what onMessage wants: whether the answer comes later. */
export const answer = (run: () => Promise<unknown>, reply: (value: Reply<unknown>) => void): true => {
  run().then(
    (value) => reply({ ok: true, value: value ?? null }),
    (error: unknown) => reply({ ok: false, error: { code: error instanceof ExtensionError ? error.code : 'internal', message: error instanceof Error ? error.message : String(error) } }),
  );
  return true;
};

/** Throws ExtensionError with what the other side said. */
export const ask = async <T>(message: WorkerMessage | RecorderMessage): Promise<T> => {
  const reply = (await chrome.runtime.sendMessage(message)) as Reply<T> | undefined;
  if (reply === undefined) throw new ExtensionError('nobody', 'the extension did not answer; reload it on chrome://extensions');
  if (!reply.ok) throw new ExtensionError(reply.error.code, reply.error.message);
  return reply.value;
};
