// What a page knows of the recorder: asked for once, then told. Asks again when the answer fails, when a running recording falls
// silent, and when the page is looked at again; says so when the extension was replaced under the page.
import { ask, isOurs, type ViewMessage } from '../messages.ts';
import type { RecorderView, RecordingState } from '../view.ts';

/** `silent`: the recorder does not answer; `view` is what it said last. `gone`: the extension was updated or reloaded. */
export type Seen = { at: 'waiting' } | { at: 'live'; view: RecorderView } | { at: 'silent'; view: RecorderView | null; reason: string } | { at: 'gone'; view: RecorderView | null };

export type ViewClient = { readonly seen: Seen; subscribe(listener: (seen: Seen) => void): () => void; refresh(): void; close(): void };

export type ViewSource = {
  ask(): Promise<RecorderView>;
  listen(told: (view: RecorderView) => void): () => void;
  /** false once the extension's context is void */
  alive(): boolean;
};

/** A recorder with work tells several times a second. */
const SILENCE_MS = 4_000;
const RETRY_MS = [500, 1_000, 2_000, 5_000];
const WORKING = new Set<RecordingState>(['starting', 'recording', 'stopping', 'uploading']);

export const viewOf = (seen: Seen): RecorderView | null => (seen.at === 'waiting' ? null : seen.view);

export const createViewClient = (source: ViewSource): ViewClient => {
  const listeners = new Set<(seen: Seen) => void>();
  let seen: Seen = { at: 'waiting' };
  let timer: ReturnType<typeof setTimeout> | undefined;
  let failures = 0;
  /** answers that came before a later message are old news */
  let told = 0;
  let closed = false;

  const set = (next: Seen): void => {
    seen = next;
    for (const listener of listeners) listener(seen);
  };
  const later = (ms: number): void => {
    clearTimeout(timer);
    timer = setTimeout(() => void refresh(), ms);
  };
  const show = (view: RecorderView): void => {
    told += 1;
    failures = 0;
    set({ at: 'live', view });
    clearTimeout(timer);
    if (view.recordings.some(({ state }) => WORKING.has(state))) later(SILENCE_MS);
  };
  const refresh = async (): Promise<void> => {
    if (closed || seen.at === 'gone') return;
    clearTimeout(timer);
    const before = told;
    try {
      if (!source.alive()) return set({ at: 'gone', view: viewOf(seen) });
      const view = await source.ask();
      if (!closed && told === before) show(view);
    } catch (error) {
      if (closed || told !== before) return;
      if (!source.alive()) return set({ at: 'gone', view: viewOf(seen) });
      set({ at: 'silent', view: viewOf(seen), reason: error instanceof Error ? error.message : String(error) });
      later(RETRY_MS[Math.min(failures, RETRY_MS.length - 1)] ?? 0);
      failures += 1;
    }
  };
  const unlisten = source.listen((view) => {
    if (!closed) show(view);
  });
  void refresh();

  return {
    get seen() {
      return seen;
    },
    subscribe: (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    refresh: () => void refresh(),
    close: () => {
      closed = true;
      clearTimeout(timer);
      listeners.clear();
      unlisten();
    },
  };
};

const isView = (message: unknown): message is ViewMessage =>
  typeof message === 'object' && message !== null && 'to' in message && message.to === 'pages' && 'type' in message && message.type === 'view' && 'view' in message;

/** The recorder as this page of the extension reaches it. */
export const chromeSource: ViewSource = {
  ask: () => ask<RecorderView>({ to: 'worker', type: 'view' }),
  listen: (told) => {
    const heard = (message: unknown, sender: chrome.runtime.MessageSender): void => {
      if (isOurs(sender) && isView(message)) told(message.view);
    };
    chrome.runtime.onMessage.addListener(heard);
    return () => chrome.runtime.onMessage.removeListener(heard);
  },
  // `chrome.runtime` loses its id, or goes altogether, when the extension is replaced
  alive: () => Boolean((chrome as Partial<typeof chrome>).runtime?.id),
};
