// The content script of a tab being recorded, one per frame: says where the largest video is. The worker injects it after the user
// started recording (activeTab), again after a navigation or when a frame was added; a second run in a document changes nothing.
// It looks when something tells it to and twice a second besides, ten times a second at most and while things move, and says only
// what changed, plus a sign of life. It ends when it is told to, when nobody answers, when the extension was reloaded, and with the page.
import type { PageMessage, RegionMessage, Reply } from '../messages.ts';
import { createFinder } from './finder.ts';
import { createLinks } from './links.ts';
import { look } from './measure.ts';
import { MAX_SOURCE_URL, MAX_TITLE } from '../../shared/protocol.ts';

const LEAST_MS = 100;
const POLL_MS = 500;
const HEARTBEAT_MS = 2_000;
/** reports in a row that nobody answered */
const MOST_UNANSWERED = 5;

type Running = { isAlive(): boolean; report(): void };
/** In the extension's own world: pages cannot see it. A reloaded extension gets a new world. */
const world = globalThis as typeof globalThis & { clippyRegion?: Running };

/** Gone once the extension was reloaded or removed. */
const hasExtension = (): boolean => chrome.runtime?.id !== undefined;

const start = (): Running => {
  const ending = new AbortController();
  const { signal } = ending;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let frame = 0;
  /** a look is on its way */
  let due = false;
  let lookedAt = -Infinity;
  let movedAt = -Infinity;
  let sentAt = -Infinity;
  let last = '';
  let sending = false;
  let unanswered = 0;
  let followed: { video: HTMLVideoElement; drop: AbortController } | null = null;

  /** Looks before the next picture is drawn; a page that draws none is looked at all the same. */
  const kick = (): void => {
    if (due || signal.aborted) return;
    due = true;
    clearTimeout(timer);
    timer = setTimeout(() => {
      frame = requestAnimationFrame(turn);
      timer = setTimeout(turn, LEAST_MS);
    }, Math.max(0, lookedAt + LEAST_MS - performance.now()));
  };
  const settle = (): void => {
    due = false;
    clearTimeout(timer);
    cancelAnimationFrame(frame);
  };

  const finder = createFinder(kick);
  const links = createLinks(kick, signal);
  const sizes = new ResizeObserver(kick);

  /** The chosen video's own events; those of closed shadow roots do not reach the document. */
  const follow = (video: HTMLVideoElement | null): void => {
    if (followed?.video === video) return;
    followed?.drop.abort();
    sizes.disconnect();
    followed = video && { video, drop: new AbortController() };
    if (!video || !followed) return;
    sizes.observe(video);
    for (const type of ['playing', 'pause', 'ended', 'waiting', 'emptied', 'resize', 'enterpictureinpicture', 'leavepictureinpicture']) video.addEventListener(type, kick, { signal: followed.drop.signal });
  };

  const turn = (): void => {
    settle();
    lookedAt = performance.now();
    if (!hasExtension()) { stop(); return; }
    const { video, rect, viewport, frames } = look(finder.videos(), finder.frames());
    follow(video);
    const message: RegionMessage = {
      to: 'recorder', type: 'region', rect, viewport,
      playing: video && !video.paused && !video.ended && video.readyState >= HTMLMediaElement.HAVE_FUTURE_DATA,
      page: parent === window ? { title: document.title.slice(0, MAX_TITLE), sourceUrl: location.href.slice(0, MAX_SOURCE_URL) } : null,
      link: links.own(), frames: frames.map(({ element, box, part }) => ({ link: links.of(element), box, part })),
    };
    const now = JSON.stringify(message);
    if (now !== last) movedAt = lookedAt;
    if (!sending && (now !== last || lookedAt - sentAt >= HEARTBEAT_MS)) {
      last = now;
      sentAt = lookedAt;
      void send(message);
    }
    timer = setTimeout(kick, lookedAt - movedAt < 1_000 ? LEAST_MS : POLL_MS);
  };

  const send = async (message: RegionMessage): Promise<void> => {
    sending = true;
    // rejects when nobody listens
    const reply: Reply<unknown> | undefined = await chrome.runtime.sendMessage(message).catch(() => undefined);
    sending = false;
    unanswered = reply === undefined ? unanswered + 1 : 0;
    if (reply?.ok === false || unanswered === MOST_UNANSWERED) stop();
  };

  const told = (message: PageMessage): void => { if (message?.to === 'page' && message.type === 'stop') stop(); };
  const stop = (): void => {
    if (signal.aborted) return;
    ending.abort();
    followed?.drop.abort();
    settle();
    finder.stop();
    sizes.disconnect();
    if (hasExtension()) chrome.runtime.onMessage.removeListener(told);
  };

  chrome.runtime.onMessage.addListener(told);
  addEventListener('scroll', kick, { capture: true, passive: true, signal });
  for (const type of ['resize', 'load', 'fullscreenchange', 'transitionend', 'toggle']) addEventListener(type, kick, { capture: true, passive: true, signal });
  for (const type of ['resize', 'scroll']) visualViewport?.addEventListener(type, kick, { passive: true, signal });
  // a page that comes back from the cache gets the script again
  addEventListener('pagehide', stop, { signal });
  kick();
  return { isAlive: () => !signal.aborted && hasExtension(), report: () => { last = ''; kick(); } };
};

if (world.clippyRegion?.isAlive()) world.clippyRegion.report();
else world.clippyRegion = start();
