// Every state worth looking at: which page, what the recorder tells, which tab is in front.
import type { RecordingView } from '../../view.ts';
import { ARABIC, clips, LONG, online, recorderView, recording, SERVER, SESSION, sessionView } from './scene.ts';
import type { Script } from './scripted-chrome.ts';

type PageName = 'popup' | 'options' | 'panel';
export type Scene = { page: PageName } & Omit<Script, 'manifest' | 'permissions'>;
const tab = { id: 7, windowId: 1, url: 'https://www.twitch.tv/example', title: 'Friday night ranked - Twitch' };
const pairing = { url: SERVER, token: 't', deviceId: 'd', user: 'maja' };
const offline = { state: 'offline', url: SERVER, user: 'maja', reason: 'localhost:7070 does not answer', retryAt: 0 } as const;
const left = (patch: Partial<RecordingView>): RecordingView => recording({ tabId: null, state: 'left', pushed: 120, acked: 30, unackedChunks: 90, unackedBytes: 56_000_000, durationMs: 240_000, savableMs: 180_000, ...patch });

export const watched = { session: SESSION, view: sessionView() };
const trouble = { code: 'no-chunks', message: 'The encoder delivered nothing for 12 s. The tab may be asleep or protected: play the video, or stop and record again.', at: 0 };

export const SCENES: Record<string, Scene> = {
  'popup-unpaired': { page: 'popup', tab, view: recorderView({ server: { state: 'unpaired' } }) },
  'popup-unpaired-recording': { page: 'popup', tab, view: recorderView({ server: { state: 'unpaired' }, recordings: [recording({ session: null, savableMs: 45_000, durationMs: 45_000 })] }) },
  'popup-idle': { page: 'popup', tab, pairing, view: recorderView() },
  'popup-obstacle': { page: 'popup', tab: { ...tab, url: 'chrome://settings/', title: 'Settings' }, pairing, view: recorderView() },
  'popup-recording': { page: 'popup', tab, pairing, view: recorderView({ recordings: [recording({ microphone: true }), recording({ key: '01JREC00000000000000000002', tabId: 9, title: 'Cooking with Maja: sourdough', durationMs: 3_723_000 })], clips: clips(2) }) },
  'popup-trouble': { page: 'popup', tab, pairing, view: recorderView({ server: offline, recordings: [recording({ trouble, lost: 14, unackedChunks: 143, unackedBytes: 89_300_000, savableMs: 90_000, playing: false })] }) },
  'popup-refused': { page: 'popup', tab, pairing, view: recorderView({ server: { state: 'refused', url: SERVER, reason: 'The server does not know this browser any more' } }) },
  'popup-leftovers': { page: 'popup', tab, pairing, view: recorderView({ recordings: [left({ key: '01JREC00000000000000000003' }), left({ key: '01JREC00000000000000000004', title: LONG, state: 'uploading', acked: 74 }), recording({ key: '01JREC00000000000000000005', tabId: 3, state: 'stopped', unackedChunks: 0, unackedBytes: 0 }), recording({ key: '01JREC00000000000000000006', tabId: 4, title: '', state: 'failed', trouble, savableMs: 0 })] }) },
  'popup-clips': { page: 'popup', tab: { ...tab, title: LONG }, pairing, view: recorderView({ clips: clips(12) }) },
  'popup-rtl': { page: 'popup', tab: { ...tab, title: ARABIC }, pairing, view: recorderView({ recordings: [recording({ title: ARABIC })], clips: clips(6).slice(5) }) },
  'options-unpaired': { page: 'options', view: recorderView({ server: { state: 'unpaired' } }) },
  'options-paired': { page: 'options', pairing: { ...pairing, url: 'http://192.168.1.20:7070' }, settings: { quality: '1080p', transcribeHere: true, microphone: true }, view: recorderView({ transcription: { state: 'failed', note: 'the model needs more memory than the browser gives' } }) },
  'panel-empty': { page: 'panel', pairing, view: recorderView() },
  'panel-live': { page: 'panel', pairing, view: recorderView({ recordings: [recording(), recording({ key: '01JREC00000000000000000002', session: '01JDEMO0000000000000000002', title: 'Cooking with Maja: sourdough', startedAt: 1 })], clips: clips(3), watched }) },
  'panel-trouble': {
    page: 'panel', pairing,
    view: recorderView({
      server: offline, recordings: [recording({ title: LONG })],
      watched: { session: SESSION, view: sessionView({
        words: [], clips: [], stagePatch: { transcribe: { status: 'off', note: 'transcription is off: set GROQ_API_KEY or OPENAI_API_KEY and start the server again' }, cut: { status: 'failing', lagMs: 64_000 } },
        session: { ...sessionView().session, missing: 4, status: 'interrupted' },
        gaps: [{ fromSequence: 40, toSequence: 43, startMs: 520_000, endMs: 528_000, reason: 'the buffer of the sender was full' }],
        deadLetters: [{ id: 'd', sessionId: SESSION, stage: 'cut', startMs: 210_000, endMs: 228_000, code: 'malformed', message: 'the clip did not decode: 3 broken pictures at 211.4 s', attempts: 3, createdAt: 0 }],
      }) },
    }),
  },
  'panel-rtl': { page: 'panel', pairing, view: recorderView({ server: online, recordings: [recording({ title: ARABIC })], clips: clips(6), watched: { session: SESSION, view: sessionView({ words: ARABIC.split(' ').map((text, index) => ({ startMs: index * 400, endMs: index * 400 + 300, text, confidence: 0.9 })) }) } }) },
};
