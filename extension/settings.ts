// What the user chose, and the server this browser is paired with; both in chrome.storage.local, which only the service worker
// and the pages can read: the recorder (an offscreen document) is told.
import { z } from 'zod';

/** `videoBitsPerSecond` is what the encoder is asked for at 30 frames a second; a still page costs a fraction of it. */
export const QUALITIES = {
  '720p': { width: 1280, height: 720, videoBitsPerSecond: 2_500_000 },
  '1080p': { width: 1920, height: 1080, videoBitsPerSecond: 5_000_000 },
  '2160p': { width: 3840, height: 2160, videoBitsPerSecond: 16_000_000 },
} as const;
export type Quality = keyof typeof QUALITIES;
export const FRAMES_PER_SECOND = 30;
export const AUDIO_BITS_PER_SECOND = 128_000;
export const GOP_MS = 2_000;

export const settingsShape = z.object({
  quality: z.enum(['720p', '1080p', '2160p']).default('720p'),
  /** minutes of every recording kept in the browser, for sending again and for saving clips without a server */
  ringMinutes: z.number().min(0.25).max(30).default(5),
  /** a second audio track */
  microphone: z.boolean().default(false),
  microphoneId: z.string().max(512).default(''),
  /** records only the largest video of the page instead of the whole tab */
  cropToVideo: z.boolean().default(false),
  notifyClips: z.boolean().default(true),
  notifyTrouble: z.boolean().default(true),
  /** transcribe here, with the model the user chose, instead of on the server */
  transcribeHere: z.boolean().default(false),
  theme: z.enum(['system', 'light', 'dark']).default('system'),
});
export type Settings = z.infer<typeof settingsShape>;
export const DEFAULT_SETTINGS: Settings = settingsShape.parse({});

export const pairingShape = z.object({ url: z.url({ protocol: /^https?$/ }), token: z.string().min(1).max(512), deviceId: z.string().max(64), user: z.string().max(256) });
export type Pairing = z.infer<typeof pairingShape>;

const KEYS = { settings: 'settings', pairing: 'pairing' } as const;

/** What is stored and cannot be read (an older version's, a hand's) counts as not stored. */
export const loadSettings = async (): Promise<Settings> => {
  const stored = settingsShape.safeParse((await chrome.storage.local.get(KEYS.settings))[KEYS.settings] ?? {});
  return stored.success ? stored.data : DEFAULT_SETTINGS;
};
export const saveSettings = (settings: Settings): Promise<void> => chrome.storage.local.set({ [KEYS.settings]: settingsShape.parse(settings) });

export const loadPairing = async (): Promise<Pairing | null> => {
  const stored = pairingShape.safeParse((await chrome.storage.local.get(KEYS.pairing))[KEYS.pairing]);
  return stored.success ? stored.data : null;
};
export const savePairing = (pairing: Pairing | null): Promise<void> =>
  pairing === null ? chrome.storage.local.remove(KEYS.pairing) : chrome.storage.local.set({ [KEYS.pairing]: pairingShape.parse(pairing) });
