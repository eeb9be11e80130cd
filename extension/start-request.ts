// A shortcut asks the popup, which it opens, to start recording a tab.
const KEY = 'startRequest';
/** An older one was meant for a popup that never opened. */
const FRESH_MS = 5_000;

export const askToStart = (tabId: number): Promise<void> => chrome.storage.session.set({ [KEY]: { tabId, at: Date.now() } });

/** The tab to be started, once. */
export const takeStartRequest = async (): Promise<number | null> => {
  const { [KEY]: asked } = (await chrome.storage.session.get(KEY)) as { [KEY]?: { tabId: number; at: number } };
  if (!asked) return null;
  await chrome.storage.session.remove(KEY);
  return Date.now() - asked.at < FRESH_MS ? asked.tabId : null;
};
