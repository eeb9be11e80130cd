// What the popup can do. Each resolves when the other side has answered, and throws what it said.
import { ask, ExtensionError } from '../messages.ts';

/** Starting, stopping and saving are the recorder's; the popup may be closed at any moment and holds nothing. */
export const actions = {
  start: async (tabId: number): Promise<string> => {
    const streamId = await chrome.tabCapture.getMediaStreamId({ targetTabId: tabId }).catch((cause: unknown) => {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new ExtensionError('capture', `Chrome does not let this tab be recorded (${why}); open the page in an ordinary tab and start from the toolbar button there`, { cause });
    });
    return ask({ to: 'worker', type: 'start', tabId, streamId });
  },
  stop: (key: string): Promise<null> => ask({ to: 'recorder', type: 'stop', key }),
  save: (key: string, seconds: number): Promise<null> => ask({ to: 'recorder', type: 'save', key, seconds }),
  upload: (key: string): Promise<null> => ask({ to: 'recorder', type: 'upload', key }),
  discard: (key: string): Promise<null> => ask({ to: 'recorder', type: 'discard', key }),
  reconnect: (): Promise<null> => ask({ to: 'recorder', type: 'reconnect' }),
  openOptions: (): Promise<void> => chrome.runtime.openOptionsPage(),
  /** before any await of the click's handler: Chrome opens the panel only while the click counts */
  openPanel: (windowId: number): Promise<void> => chrome.sidePanel.open({ windowId }),
};
