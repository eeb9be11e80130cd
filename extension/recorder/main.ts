// The offscreen document: it has chrome.runtime and nothing else of the extension's interface, so the service worker tells it what
// the user chose. Listens from its first moment; what is asked before it is configured waits.
import manifest from '../manifest.json' with { type: 'json' };
import { answer, ask, checked, ExtensionError, isOurs, recorderMessage, regionMessage } from '../messages.ts';
import type { ViewMessage, WorkerMessage } from '../messages.ts';
import { regionSender } from '../region-compose.ts';
import type { Pairing, Settings } from '../settings.ts';
import { BrowserTranscription } from '../transcribe/browser-transcription.ts';
import { EMPTY_VIEW } from '../view.ts';
import type { RecorderView } from '../view.ts';
import { publisher } from './publisher.ts';
import { Recorder } from './recorder.ts';
import { saveTail } from './save-tail.ts';
import { openRecordingStore } from './store.ts';

const clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after: (ms: number, run: () => void) => {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
};

let recorder: Recorder | null = null;
const changed = publisher<RecorderView>({
  clock,
  view: () => recorder?.view() ?? EMPTY_VIEW,
  // nobody is there to see it most of the time
  send: (view) => void chrome.runtime.sendMessage({ to: 'pages', type: 'view', view } satisfies ViewMessage).catch(() => undefined),
});
/** A notification that cannot be shown is not worth ending anything for; the view says the same. */
const tell = (message: WorkerMessage): Promise<unknown> => (message.type === 'notify' ? ask(message).catch(() => null) : ask(message));

const opened = (async (): Promise<Recorder> => {
  const [store, configuration] = await Promise.all([openRecordingStore(), ask<{ settings: Settings; pairing: Pairing | null }>({ to: 'worker', type: 'hello' })]);
  const transcription = new BrowserTranscription({ createWorker: () => new Worker('/transcribe-worker.js', { type: 'module' }), engine: chrome.runtime.getURL('shout.wasm.js'), onChange: changed });
  recorder = await Recorder.open({ store, saveTail, transcription, version: manifest.version, clock, tell, onChange: changed }, configuration);
  changed();
  return recorder;
})();
opened.catch((cause: unknown) => tell({ to: 'worker', type: 'notify', kind: 'trouble', id: 'recorder', title: 'Clippy cannot record', message: String(cause).slice(0, 1024), image: '' }));

const fromPage = async (message: unknown, sender: chrome.runtime.MessageSender): Promise<null> => {
  const from = regionSender(sender);
  if (!from) throw new ExtensionError('forbidden', 'only the page of a tab being recorded may say where its video is');
  const region = checked(regionMessage, message);
  (await opened).region(region, from);
  return null;
};

chrome.runtime.onMessage.addListener((message: unknown, sender, reply) => {
  if (typeof message !== 'object' || message === null || !('to' in message) || message.to !== 'recorder') return false;
  return answer(async () => {
    if ('type' in message && message.type === 'region') return fromPage(message, sender);
    if (!isOurs(sender)) throw new ExtensionError('forbidden', 'only pages of this extension may ask this');
    const command = checked(recorderMessage, message);
    return (await opened).handle(command);
  }, reply);
});
