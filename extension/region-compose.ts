// Puts the reports of a page's frames together: where on the tab is the largest video?
//
// No rectangle ever travels through window.postMessage, where a page could read, change or replay it. Every frame's script reports to
// the recorder by chrome.runtime.sendMessage, which pages cannot call, and the browser itself says which frame is speaking. Between
// frames goes only a random word, the link: a script posts it into each frame element's window, the script inside repeats it to the
// recorder. A page that reads or replays links can do no more than have its own frame refused: a link said by two frames is void, and
// whatever a frame reports is clipped to the place its parent's script measured for it.
import type { Rectangle } from '../shared/model.ts';
import type { RegionMessage } from './messages.ts';
import { areaOf, intersect, type Size } from './region-map.ts';

/** The largest video of a tab, in CSS pixels of its top frame. */
export type Region = { rect: Rectangle | null; viewport: Size; playing: boolean | null };

/** the browser's id of a tab's outermost frame */
export const TOP_FRAME = 0;
const DEEPEST = 8;
/** A page may make frames without end; what is beyond goes unheard. */
const MOST_FRAMES = 64;
/** Scripts repeat themselves every 2 s, in a throttled page less often. */
const STALE_MS = 10_000;
/** A frame whose script says nothing: when to have scripts injected again, after it was first seen. */
const INJECT_AFTER_MS = [400, 2_000, 8_000, 30_000];

type Reports = ReadonlyMap<number, RegionMessage>;

/** Follows a frame's rectangle up to the top frame; null where a link is missing, void, or leads in a circle. */
const place = (reports: Reports, frameId: number): Rectangle | null => {
  let id = frameId;
  let rect = reports.get(id)?.rect ?? null;
  for (let depth = 0; id !== TOP_FRAME; depth++) {
    const report = reports.get(id);
    if (depth === DEEPEST || rect === null || !report || report.link === null) return null;
    const { link, viewport } = report;
    if ([...reports.values()].filter((other) => other.link === link).length !== 1) return null;
    const parent = [...reports].find(([, other]) => other.frames.some((frame) => frame.link === link));
    const frame = parent?.[1].frames.find((candidate) => candidate.link === link);
    if (!parent || !frame) return null;
    // the frame may be shown scaled by a transform
    const [kx, ky] = [frame.box.width / viewport.width, frame.box.height / viewport.height];
    rect = intersect({ x: frame.box.x + rect.x * kx, y: frame.box.y + rect.y * ky, width: rect.width * kx, height: rect.height * ky }, frame.part);
    id = parent[0];
  }
  return rect;
};

/** `reports` by the browser's frame id. Null while the top frame has not spoken. */
export const composeRegion = (reports: Reports): Region | null => {
  const top = reports.get(TOP_FRAME);
  if (!top) return null;
  const placed = [...reports].map(([frameId, { playing }]) => ({ rect: place(reports, frameId), playing }));
  const largest = placed.reduce((best, next) => (areaOf(next.rect) > areaOf(best.rect) ? next : best), { rect: null, playing: null });
  return { ...largest, viewport: top.viewport };
};

/** Who sent a region message; null for whatever is not a content script of ours in a living page. */
export const regionSender = (sender: chrome.runtime.MessageSender): RegionSender | null => {
  const { id, tab, frameId, documentId, documentLifecycle } = sender;
  if (id !== chrome.runtime.id || tab?.id === undefined || frameId === undefined || documentId === undefined) return null;
  return documentLifecycle === undefined || documentLifecycle === 'active' ? { tabId: tab.id, frameId, documentId } : null;
};
export type RegionSender = { tabId: number; frameId: number; documentId: string };

/** What the frames of one tab have said. */
export type TabRegions = {
  /** `now`: ms of any steady clock. `inject`: a frame is there whose script is not; inject into all frames again. */
  take(message: RegionMessage, from: Pick<RegionSender, 'frameId' | 'documentId'>, now: number): { region: Region | null; inject: boolean };
};

export const createTabRegions = (): TabRegions => {
  const reports = new Map<number, { message: RegionMessage; documentId: string; at: number }>();
  /** links nobody has answered to */
  const waiting = new Map<string, { since: number; asked: number }>();

  /** Each is asked for a few times only: some frames no script may enter. */
  const askNow = (messages: RegionMessage[], now: number): boolean => {
    const said = new Set(messages.map(({ link }) => link));
    const unclaimed = new Set(messages.flatMap(({ frames }) => frames.map(({ link }) => link)).filter((link) => !said.has(link)));
    for (const link of waiting.keys()) if (!unclaimed.has(link)) waiting.delete(link);
    let ask = false;
    for (const link of unclaimed) {
      const wait = waiting.get(link) ?? { since: now, asked: 0 };
      waiting.set(link, wait);
      const after = INJECT_AFTER_MS[wait.asked];
      if (after === undefined || now - wait.since < after) continue;
      wait.asked++;
      ask = true;
    }
    return ask;
  };

  return {
    take(message, { frameId, documentId }, now) {
      for (const [id, { at }] of reports) if (now - at > STALE_MS) reports.delete(id);
      if (frameId === TOP_FRAME && (reports.get(TOP_FRAME)?.documentId ?? documentId) !== documentId) reports.clear();
      if (frameId === TOP_FRAME || reports.has(frameId) || reports.size < MOST_FRAMES) reports.set(frameId, { message, documentId, at: now });
      const messages = new Map([...reports].map(([id, report]) => [id, report.message]));
      return { region: composeRegion(messages), inject: askNow([...messages.values()], now) };
    },
  };
};
