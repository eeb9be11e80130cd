// The badge: clips that came since the popup was last open, else that a tab is being recorded, else nothing; coloured by trouble.
import type { RecorderView } from '../view.ts';

const SEEN = 'clipsSeenAt';
const RECORDING = '#c62828';
const TROUBLE = '#b26a00';
const DONE = '#37474f';

export const badgeOf = (view: RecorderView, seenAt: number): { text: string; color: string; title: string } => {
  const running = view.recordings.filter(({ state }) => state === 'starting' || state === 'recording');
  const trouble = running.find((recording) => recording.trouble)?.trouble ?? null;
  const fresh = view.clips.filter(({ at }) => at > seenAt).length;
  const clips = fresh === 0 ? '' : `, ${fresh} new ${fresh === 1 ? 'clip' : 'clips'}`;
  const unpaired = view.server.state !== 'online' && running.length > 0;
  return {
    text: fresh > 0 ? String(Math.min(fresh, 99)) : trouble ? '!' : running.length > 0 ? 'REC' : '',
    color: trouble || unpaired ? TROUBLE : running.length > 0 ? RECORDING : DONE,
    title: running.length === 0 ? `Clippy${clips}` : `Clippy records ${running.length === 1 ? running[0]?.title : `${running.length} tabs`}${clips}${trouble ? `: ${trouble.message}` : ''}`,
  };
};

const seenAt = async (): Promise<number> => {
  const { [SEEN]: at } = await chrome.storage.session.get(SEEN);
  return typeof at === 'number' ? at : 0;
};

export const markClipsSeen = (): Promise<void> => chrome.storage.session.set({ [SEEN]: Date.now() });

export const showBadge = async (view: RecorderView): Promise<void> => {
  const { text, color, title } = badgeOf(view, await seenAt());
  await Promise.all([chrome.action.setBadgeText({ text }), chrome.action.setBadgeBackgroundColor({ color }), chrome.action.setTitle({ title })]);
};
