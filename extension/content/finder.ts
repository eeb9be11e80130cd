// Finds videos and frames of a document, in shadow roots too, without walking the tree on every look. The document's own come from
// live collections, which Chromium keeps for us. Shadow roots are found by walks in idle slices: the whole tree at the start and now
// and then (attachShadow on an old element tells no observer), what is added as it is added.
import { shadowOf } from './boxes.ts';

/** Elements other than custom ones that may have a shadow root. */
const HOSTS = new Set(['article', 'aside', 'blockquote', 'body', 'div', 'footer', 'h1', 'h2', 'h3', 'h4', 'h5', 'h6', 'header', 'main', 'nav', 'p', 'section', 'span']);
const SLICE_MS = 4;
/** elements between two looks at the clock */
const BATCH = 64;
const RESCAN_MS = 10_000;
/** more subtrees waiting than this: one walk of everything is cheaper */
const MOST_WAITING = 500;

export type Finder = { videos(): HTMLVideoElement[]; frames(): HTMLIFrameElement[]; stop(): void };

/** `changed` is called when something was found in a shadow root, or elements came or went. */
export const createFinder = (changed: () => void): Finder => {
  const videos = document.getElementsByTagName('video');
  const frames = document.getElementsByTagName('iframe');
  const shadowed = { videos: new Set<HTMLVideoElement>(), frames: new Set<HTMLIFrameElement>() };
  let known = new WeakSet<ShadowRoot>();
  let waiting: Node[] = [];
  let walker: TreeWalker | null = null;
  let idle: number | null = null;

  const observer = new MutationObserver((records) => {
    for (const { addedNodes } of records) for (const node of addedNodes) if (node instanceof Element) waiting.push(node);
    if (waiting.length > MOST_WAITING) everything();
    work();
    changed();
  });

  const keep = <T extends Element>(element: T, set: Set<T>): void => {
    if (set.has(element) || element.getRootNode() === document) return;
    set.add(element);
    changed();
  };
  const look = (node: Node): void => {
    if (!(node instanceof HTMLElement)) return;
    if (node instanceof HTMLVideoElement) keep(node, shadowed.videos);
    if (node instanceof HTMLIFrameElement) keep(node, shadowed.frames);
    const root = HOSTS.has(node.localName) || node.localName.includes('-') ? shadowOf(node) : null;
    if (!root) return;
    waiting.push(root);
    if (known.has(root)) return;
    known.add(root);
    observer.observe(root, { childList: true, subtree: true });
  };

  const slice = (): void => {
    idle = null;
    const end = performance.now() + SLICE_MS;
    do {
      for (let left = BATCH; left > 0; left--) {
        const node = walker?.nextNode();
        if (node) { look(node); continue; }
        const start = waiting.pop();
        if (!start) { walker = null; return; }
        look(start);
        walker = document.createTreeWalker(start, NodeFilter.SHOW_ELEMENT);
      }
    } while (performance.now() < end);
    work();
  };
  const work = (): void => { idle ??= requestIdleCallback(slice, { timeout: 500 }); };
  const everything = (): void => { waiting = [document]; walker = null; };

  observer.observe(document, { childList: true, subtree: true });
  everything();
  work();
  const rescan = setInterval(() => { everything(); work(); }, RESCAN_MS);

  /** The document's own and the shadowed; what has left is forgotten. */
  const list = <T extends Element>(own: HTMLCollectionOf<T>, others: Set<T>): T[] => {
    for (const element of others) if (!element.isConnected) others.delete(element);
    return [...own, ...others];
  };
  return {
    videos: () => list(videos, shadowed.videos),
    frames: () => list(frames, shadowed.frames),
    stop: () => {
      clearInterval(rescan);
      if (idle !== null) cancelIdleCallback(idle);
      observer.disconnect();
      known = new WeakSet();
      waiting = [];
      walker = null;
    },
  };
};
