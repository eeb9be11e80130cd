// The part of `chrome` the pages use, played in a plain page: answers from a script, and everything asked is noted.
import type { Pairing, Settings } from '../../settings.ts';
import type { RecorderView } from '../../view.ts';

export type Script = {
  view: RecorderView;
  settings?: Partial<Settings>;
  pairing?: Pairing | null;
  tab?: { id: number; windowId: number; url?: string; title?: string } | null;
  manifest: unknown;
  permissions: string[];
  /** message type → what it is refused with */
  refuse?: Record<string, string>;
  /** message types that are answered when the test says so */
  hold?: string[];
};
export type Note = { to?: string; type: string; [field: string]: unknown };
export type Stage = { notes: Note[]; tell: (view: RecorderView) => void; release: () => void; stored: Record<string, unknown> };
declare global {
  var stage: Stage;
}

/** Runs in the page, before anything else; closes over nothing. */
export const playChrome = (script: Script): void => {
  const listeners = new Set<(message: unknown, sender: unknown) => void>();
  const changed = new Set<(changes: Record<string, unknown>, area: string) => void>();
  const stored: Record<string, unknown> = { settings: script.settings ?? {}, ...(script.pairing ? { pairing: script.pairing } : {}) };
  const notes: Note[] = [];
  let { view } = script;
  let held: (() => void)[] = [];
  const note = (type: string, fields: Record<string, unknown> = {}): Promise<void> => {
    notes.push({ type, ...fields });
    return Promise.resolve();
  };
  const change = (key: string, value: unknown): Promise<void> => {
    if (value === undefined) delete stored[key];
    else stored[key] = value;
    for (const listener of changed) listener({ [key]: { newValue: value } }, 'local');
    return Promise.resolve();
  };
  let origins: string[] = [];
  const allowed = new Set<() => void>();
  const event = (heard: Set<() => void>) => ({ addListener: (listener: () => void) => heard.add(listener), removeListener: (listener: () => void) => heard.delete(listener) });
  const allow = async (next: string[], asked: Note): Promise<boolean> => {
    notes.push(asked);
    if (script.refuse?.[asked.type] !== undefined) return false;
    origins = next;
    for (const listener of allowed) listener();
    return true;
  };
  const sendMessage = async (message: Note): Promise<unknown> => {
    if (message.type === 'view') return { ok: true, value: view };
    notes.push(message);
    if (script.hold?.includes(message.type)) await new Promise<void>((resolve) => held.push(resolve));
    const refusal = script.refuse?.[message.type];
    return refusal === undefined ? { ok: true, value: null } : { ok: false, error: { code: 'refused', message: refusal } };
  };
  const scripted = {
    runtime: {
      id: 'scripted', sendMessage, getURL: (path: string) => `${location.origin}/${path}`, getManifest: () => script.manifest, openOptionsPage: () => note('openOptionsPage'),
      onMessage: { addListener: (listener: (message: unknown, sender: unknown) => void) => listeners.add(listener), removeListener: (listener: (message: unknown, sender: unknown) => void) => listeners.delete(listener) },
    },
    tabCapture: { getMediaStreamId: ({ targetTabId }: { targetTabId: number }) => Promise.resolve(`stream-of-${targetTabId}`) },
    storage: {
      session: { get: () => Promise.resolve({}) },
      local: { get: (key: string) => Promise.resolve({ [key]: stored[key] }), set: async (values: Record<string, unknown>) => { for (const [key, value] of Object.entries(values)) await change(key, value); }, remove: (key: string) => change(key, undefined) },
      onChanged: { addListener: (listener: (changes: Record<string, unknown>, area: string) => void) => changed.add(listener), removeListener: (listener: (changes: Record<string, unknown>, area: string) => void) => changed.delete(listener) },
    },
    tabs: { query: () => Promise.resolve(script.tab ? [{ active: true, ...script.tab }] : []), create: (options: Record<string, unknown>) => note('createTab', options) },
    sidePanel: { open: (options: Record<string, unknown>) => note('openPanel', { ...options, byUser: navigator.userActivation.isActive }) },
    commands: { getAll: () => Promise.resolve([{ name: '_execute_action', description: '', shortcut: 'Alt+Shift+C' }, { name: 'toggle-recording', description: 'Start or stop recording this tab', shortcut: 'Alt+Shift+R' }, { name: 'save-last', description: 'Save the last 30 seconds of this tab', shortcut: '' }]) },
    permissions: {
      getAll: () => Promise.resolve({ permissions: script.permissions, origins }), contains: () => Promise.resolve(origins.length > 0),
      request: (asked: { origins: string[] }) => allow(asked.origins, { type: 'requestPermission', byUser: navigator.userActivation.isActive }), remove: () => allow([], { type: 'removePermission' }),
      onAdded: event(allowed), onRemoved: event(allowed),
    },
  };
  Object.defineProperty(globalThis, 'chrome', { value: scripted, configurable: true, writable: true });
  globalThis.stage = {
    notes, stored,
    tell: (next) => {
      view = next;
      for (const listener of listeners) listener({ to: 'pages', type: 'view', view }, { id: 'scripted', url: `${location.origin}/recorder.html`, origin: location.origin });
    },
    release: () => {
      for (const resolve of held) resolve();
      held = [];
    },
  };
};
