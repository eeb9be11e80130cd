// Frames and bits per second over the last seconds.
const WINDOW_MS = 4_000;

export type Rates = { count(atMs: number, bytes: number): void; read(nowMs: number): { framesPerSecond: number; bitsPerSecond: number } };

export const rates = (): Rates => {
  let seen: { at: number; bytes: number }[] = [];
  let since: number | null = null;
  return {
    count: (at, bytes) => {
      since ??= at;
      seen.push({ at, bytes });
      if (seen.length > 512) seen = seen.filter((entry) => entry.at > at - WINDOW_MS);
    },
    read: (now) => {
      const seconds = Math.min(WINDOW_MS, Math.max(1_000, now - (since ?? now))) / 1000;
      const recent = seen.filter(({ at }) => at > now - seconds * 1000);
      return { framesPerSecond: recent.length / seconds, bitsPerSecond: (recent.reduce((sum, { bytes }) => sum + bytes, 0) * 8) / seconds };
    },
  };
};
