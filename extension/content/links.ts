// Names for the frames inside this one, and this one's name. A script posts a random word, the link, into a frame element's window;
// the script inside says it to the recorder, which so knows where in the tree of frames its rectangle belongs (region-compose.ts).
// Pages see links and can post their own; what that gives them is bounded there.
const KEY = 'clippyFrame';

export type Links = {
  /** what the frame above calls this one */
  own(): string | null;
  /** what this script calls the document shown in `element`; a new document gets a new link */
  of(element: HTMLIFrameElement): string;
};

/** `changed`: this frame got a link, or a frame inside shows another document. Ends with `signal`. */
export const createLinks = (changed: () => void, signal: AbortSignal): Links => {
  const links = new WeakMap<HTMLIFrameElement, { link: string; target: Window | null }>();
  /** to answer those who ask; holds no window alive */
  const asked = new WeakMap<Window, string>();
  let own: string | null = null;

  const give = (element: HTMLIFrameElement): string => {
    const target = element.contentWindow;
    const link = Array.from(crypto.getRandomValues(new Uint32Array(4)), (word) => word.toString(36)).join('');
    links.set(element, { link, target });
    if (target) {
      asked.set(target, link);
      // the receiver's origin is unknown (sandboxed ones have none), and the link is no secret
      target.postMessage({ [KEY]: link }, '*');
    }
    return link;
  };

  addEventListener('message', (event) => {
    const said: unknown = event.isTrusted && typeof event.data === 'object' && event.data !== null ? (event.data as Record<string, unknown>)[KEY] : undefined;
    if (said === undefined || !event.source || event.source === window) return;
    if (event.source === parent && typeof said === 'string' && said.length <= 36) {
      if (own === said) return;
      own = said;
      changed();
    } else if (said === null) {
      const link = asked.get(event.source as Window);
      if (link !== undefined) (event.source as Window).postMessage({ [KEY]: link }, '*');
    }
  }, { signal });
  // answered by a script that is there already; one that comes later gives links unasked
  if (parent !== window) parent.postMessage({ [KEY]: null }, '*');

  return {
    own: () => own,
    of(element) {
      const known = links.get(element);
      if (known?.target === element.contentWindow) return known.link;
      if (!known) element.addEventListener('load', () => { give(element); changed(); }, { signal });
      return give(element);
    },
  };
};
