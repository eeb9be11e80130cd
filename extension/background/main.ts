// The service worker: a stateless router between the browser and the recorder. Chrome ends it after 30 s without work and starts it
// for the next event, so whatever it must remember is in the recorder, in chrome.storage, or asked for again.
import { answer, ask, checked, ExtensionError, isOurs, workerMessage, type RecorderMessage, type ViewMessage, type WorkerMessage } from '../messages.ts';
import { loadPairing, loadSettings } from '../settings.ts';
import type { RecorderView, RecordingView } from '../view.ts';
import { markClipsSeen, showBadge } from './badge.ts';
import { notify, openNotified } from './notifications.ts';
import { ensureRecorder, hasRecorder } from './recorder-document.ts';
import { askToStart } from '../start-request.ts';
import { unwatchPage, watchPage } from './watch-page.ts';

const RUNNING: ReadonlySet<RecordingView['state']> = new Set(['starting', 'recording']);

const toRecorder = async <T>(message: RecorderMessage): Promise<T> => {
  await ensureRecorder();
  return ask<T>(message);
};

const view = (): Promise<RecorderView> => toRecorder<RecorderView>({ to: 'recorder', type: 'view' });

const recordingOf = async (tabId: number): Promise<RecordingView | undefined> =>
  (await hasRecorder()) ? (await view()).recordings.find((recording) => recording.tabId === tabId && RUNNING.has(recording.state)) : undefined;

const start = async (tabId: number, streamId: string): Promise<string> => {
  if (await recordingOf(tabId)) throw new ExtensionError('recording', 'this tab is being recorded already');
  const tab = await chrome.tabs.get(tabId);
  await ensureRecorder();
  const key = await ask<string>({ to: 'recorder', type: 'begin', tabId, streamId, title: tab.title ?? '', sourceUrl: tab.url ?? '' });
  await watchPage(tabId);
  return key;
};

/** A shortcut's gesture is the tab's too, but only a page can use it: the popup opens and starts. */
const startByPopup = async (tabId: number): Promise<void> => {
  await askToStart(tabId);
  await chrome.action.openPopup();
};

const configuration = async () => ({ settings: await loadSettings(), pairing: await loadPairing() });

const handle = async (message: WorkerMessage, sender: chrome.runtime.MessageSender): Promise<unknown> => {
  switch (message.type) {
    case 'view':
      if (sender.url?.startsWith(chrome.runtime.getURL('popup.html'))) await markClipsSeen();
      return view();
    case 'start':
      return start(message.tabId, message.streamId);
    case 'hello':
      return configuration();
    case 'notify':
      return notify(message);
    case 'download':
      return chrome.downloads.download({ url: message.url, filename: message.filename, saveAs: false });
    case 'watchPage':
      return watchPage(message.tabId);
    default:
      return message satisfies never;
  }
};

chrome.runtime.onMessage.addListener((message: unknown, sender, reply) => {
  if (typeof message !== 'object' || message === null || !('to' in message)) return false;
  if (message.to === 'pages' && isOurs(sender)) {
    void showBadge((message as unknown as ViewMessage).view); // made by our recorder, so checked by its type
    return false;
  }
  if (message.to !== 'worker') return false;
  return answer(async () => {
    if (!isOurs(sender)) throw new ExtensionError('forbidden', 'only pages of this extension may ask this');
    return handle(checked(workerMessage, message), sender);
  }, reply);
});

const report = (error: unknown): Promise<void> =>
  notify({ kind: 'trouble', id: `trouble-${Date.now()}`, title: 'Clippy', message: error instanceof Error ? error.message : String(error), image: '' });

chrome.commands.onCommand.addListener((command, tab) => {
  const tabId = tab?.id;
  if (tabId === undefined) return;
  const run = async (): Promise<void> => {
    const recording = await recordingOf(tabId);
    if (command === 'toggle-recording' && recording) await toRecorder({ to: 'recorder', type: 'stop', key: recording.key });
    else if (command === 'toggle-recording') await startByPopup(tabId);
    else if (command === 'save-last' && recording) await toRecorder({ to: 'recorder', type: 'save', key: recording.key, seconds: 30 });
    else throw new ExtensionError('idle', 'this tab is not being recorded; start it first');
  };
  run().catch(report);
});

const tabChanged = async (tabId: number, event: 'closed' | 'navigated', tab: chrome.tabs.Tab | null): Promise<void> => {
  if (!(await recordingOf(tabId))) return;
  await toRecorder({ to: 'recorder', type: 'tab', tabId, event, title: tab?.title ?? '', sourceUrl: tab?.url ?? '' });
  if (event === 'navigated') await watchPage(tabId);
};
chrome.tabs.onRemoved.addListener((tabId) => void tabChanged(tabId, 'closed', null).catch(report));
chrome.tabs.onUpdated.addListener((tabId, change, tab) => {
  if (change.status === 'complete') void tabChanged(tabId, 'navigated', tab).catch(report);
});
chrome.tabCapture.onStatusChanged.addListener(({ tabId, status }) => {
  if (status === 'stopped' || status === 'error') void unwatchPage(tabId);
});

chrome.storage.onChanged.addListener((changes, area) => {
  if (area !== 'local' || !('settings' in changes || 'pairing' in changes)) return;
  const tell = async (): Promise<void> => {
    if (await hasRecorder()) await ask({ to: 'recorder', type: 'configure', ...(await configuration()) });
  };
  tell().catch(report);
});

// A site allowed while its player is being recorded: the script goes into its frames at once.
const grown = async (): Promise<void> => {
  if (!(await hasRecorder())) return;
  for (const { tabId, state } of (await view()).recordings) if (tabId !== null && RUNNING.has(state)) await watchPage(tabId);
};
chrome.permissions.onAdded.addListener(() => void grown().catch(report));

chrome.notifications.onClicked.addListener((id) => void openNotified(id));

// What an earlier run of the browser left is uploaded as soon as there is a recorder.
chrome.runtime.onStartup.addListener(() => void ensureRecorder().catch(report));
chrome.runtime.onInstalled.addListener(() => void ensureRecorder().catch(report));
