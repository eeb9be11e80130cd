// The few messages a person has not dismissed. The same message again raises its count instead of taking another place.
export type Notice = { id: number; level: 'info' | 'warning' | 'error'; code: string; message: string; count: number; atMs: number; /** the server's own time for it, or null for what this page says */ saidAt: number | null };

export const MAX_NOTICES = 4;
/** Errors stay until dismissed; the rest leave by themselves. */
export const LEAVES_AFTER_MS: Record<Notice['level'], number | null> = { info: 7_000, warning: 14_000, error: null };

export const addNotice = (notices: readonly Notice[], fresh: Omit<Notice, 'count'>): Notice[] => {
  const known = notices.find(({ code, message }) => code === fresh.code && message === fresh.message);
  if (known && known.saidAt !== null && known.saidAt === fresh.saidAt) return notices.slice(); // came by two topics
  if (known) return notices.map((notice) => (notice === known ? { ...known, count: known.count + 1, atMs: fresh.atMs, saidAt: fresh.saidAt } : notice));
  const all = [...notices, { ...fresh, count: 1 }];
  if (all.length <= MAX_NOTICES) return all;
  // room is made by the oldest that would have left by itself, an error only when there is nothing else
  const leaving = all.find(({ level }) => level !== 'error') ?? all[0];
  return all.filter((notice) => notice !== leaving);
};

export const dropStale = (notices: readonly Notice[], nowMs: number): Notice[] =>
  notices.filter(({ level, atMs }) => {
    const stay = LEAVES_AFTER_MS[level];
    return stay === null || nowMs - atMs < stay;
  });
