// What the buttons do. Each says what came of it; nothing throws into a view.
import type { Clip, DeadLetter, Device, Page, SessionSummary } from '../shared/model.ts';
import { ApiError, clipPath, downloadPath, recordingPath, type Api } from './api.ts';
import { clipTitle, titleOf } from '../shared/format.ts';
import type { Store } from './store.ts';

export type Question = { title: string; text: string; action: string };

export type Actions = {
  pinClip(clip: Clip): Promise<void>;
  deleteClip(clip: Clip): Promise<void>;
  downloadClip(clip: Clip, exact: boolean): Promise<void>;
  copyClipLink(clip: Clip): Promise<void>;
  /** The clip with fresh URLs, or null where it is gone or out of reach (already told). */
  freshClip(id: string): Promise<Clip | null>;
  pinSession(session: SessionSummary): Promise<void>;
  endSession(session: SessionSummary): Promise<void>;
  restartSession(session: SessionSummary): Promise<void>;
  deleteSession(session: SessionSummary): Promise<void>;
  downloadRecording(session: SessionSummary): Promise<void>;
  retry(deadLetter: DeadLetter): Promise<void>;
  /** Rejects with what went wrong, for the list to say it. */
  pages(sessionId: string): Promise<Page[]>;
  /** These three reject with what went wrong, for the dialog to say it: what is behind a dialog is not read out. */
  devices(): Promise<Device[]>;
  makeCode(): Promise<{ code: string; expiresAt: number }>;
  revokeDevice(device: Device): Promise<void>;
  /** where this server answers, for a device to be paired */
  address: string;
  /** A signed URL for a media element; rejects with what went wrong, for the element's own place to say it. */
  signed(path: string): Promise<string>;
  copyText(text: string, said: string): Promise<void>;
};

export type Desk = {
  api: Api;
  store: Pick<Store, 'notify'>;
  confirm: (question: Question) => Promise<boolean>;
  /** starts a download the browser handles */
  download: (url: string) => void;
  copy: (text: string) => Promise<void>;
  /** the address this page was loaded from, to make links whole */
  origin: string;
};

export const createActions = ({ api, store, confirm, download, copy, origin }: Desk): Actions => {
  const attempt = async (what: string, run: () => Promise<void>): Promise<void> => {
    try {
      await run();
    } catch (error) {
      // 401 signs out and says so itself
      if (!(error instanceof ApiError && error.status === 401)) store.notify('error', `${what} did not work: ${error instanceof Error ? error.message : String(error)}`);
    }
  };
  const copyText: Actions['copyText'] = (text, said) =>
    attempt('Copying', async () => {
      await copy(text);
      store.notify('info', said);
    });
  return {
    pinClip: (clip) => attempt('Pinning', () => api.pinClip(clip.id, !clip.pinned)),
    deleteClip: (clip) =>
      attempt('Deleting', async () => {
        const sure = await confirm({ title: 'Delete this clip?', text: `“${clipTitle(clip)}” is deleted for good. The recording stays.`, action: 'Delete clip' });
        if (sure) await api.deleteClip(clip.id);
      }),
    downloadClip: (clip, exact) =>
      attempt('The download', async () => {
        if (exact) store.notify('info', 'The exact version is being made; the download starts when it is ready.');
        download(await api.signed(downloadPath(clip.id, exact)));
      }),
    copyClipLink: (clip) =>
      attempt('Copying the link', async () => {
        await copy(new URL(await api.signed(clipPath(clip.id)), origin).href); // no version named: the link shows the newest cut
        store.notify('info', 'Link copied. It opens without signing in, for a few hours.');
      }),
    freshClip: async (id) => {
      let clip: Clip | null = null;
      await attempt('Loading the clip', async () => {
        clip = await api.clip(id);
      });
      return clip;
    },
    pinSession: (session) => attempt('Pinning', () => api.pinSession(session.id, !session.pinned)),
    endSession: (session) =>
      attempt('Ending', async () => {
        const sure = await confirm({ title: 'End this session?', text: `“${titleOf(session)}” stops recording. What is recorded is kept and finished.`, action: 'End session' });
        if (sure) await api.endSession(session.id);
      }),
    restartSession: (session) =>
      attempt('Restarting', async () => {
        await api.restartSession(session.id);
        store.notify('info', `“${titleOf(session)}” goes on from where it stopped.`);
      }),
    deleteSession: (session) =>
      attempt('Deleting', async () => {
        const sure = await confirm({ title: 'Delete this session?', text: `“${titleOf(session)}”, its recording, transcript and clips are deleted for good.`, action: 'Delete everything' });
        if (sure) await api.deleteSession(session.id);
      }),
    downloadRecording: (session) => attempt('The download', async () => download(await api.signed(`${recordingPath(session.id)}?download=1`))),
    retry: (deadLetter) =>
      attempt('Retrying', async () => {
        await api.retryDeadLetter(deadLetter.id);
        store.notify('info', 'Tried again; it leaves the list when it worked.');
      }),
    pages: (sessionId) => api.pages(sessionId),
    devices: () => api.devices(),
    makeCode: () => api.makeCode(),
    revokeDevice: async (device) => {
      const sure = await confirm({ title: 'Revoke this device?', text: `“${device.name}” is cut off at once and has to be paired again. What it recorded stays.`, action: 'Revoke' });
      if (sure) await api.revokeDevice(device.id);
    },
    address: origin,
    signed: (path) => api.signed(path),
    copyText,
  };
};
