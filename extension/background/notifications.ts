// Notifications of clips and trouble, as the settings allow; a click opens the dashboard.
import type { WorkerMessage } from '../messages.ts';
import { loadPairing, loadSettings } from '../settings.ts';

export const notify = async ({ kind, id, title, message, image }: Omit<WorkerMessage & { type: 'notify' }, 'to' | 'type'>): Promise<void> => {
  const { notifyClips, notifyTrouble } = await loadSettings();
  if (!(kind === 'clip' ? notifyClips : notifyTrouble)) return;
  const shown = { iconUrl: chrome.runtime.getURL('icons/128.png'), title: title || 'Clippy', message, priority: kind === 'trouble' ? 1 : 0 };
  const plain = (): Promise<string> => chrome.notifications.create(id, { ...shown, type: 'basic' });
  // a picture Chrome cannot read must not cost the notification
  await (image === '' ? plain() : chrome.notifications.create(id, { ...shown, type: 'image', imageUrl: image }).catch(plain));
};

export const openNotified = async (id: string): Promise<void> => {
  await chrome.notifications.clear(id);
  const pairing = await loadPairing();
  if (pairing) await chrome.tabs.create({ url: pairing.url });
};
