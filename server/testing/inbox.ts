/** What arrives, kept; a test waits for the first that fits instead of sleeping. */
export type Inbox<T> = { all: T[]; push(item: T): void; first<S extends T>(fits: (item: T) => item is S): Promise<S>; first(fits: (item: T) => boolean): Promise<T> };

export const inbox = <T>(): Inbox<T> => {
  const all: T[] = [];
  const waiting = new Set<(item: T) => void>();
  return {
    all,
    push: (item) => {
      all.push(item);
      for (const offer of waiting) offer(item);
    },
    first: (fits: (item: T) => boolean): Promise<never> =>
      new Promise((resolve) => {
        const offer = (item: T): boolean => {
          if (!fits(item)) return false;
          waiting.delete(take);
          resolve(item as never);
          return true;
        };
        const take = (item: T): void => void offer(item);
        waiting.add(take);
        all.some(offer);
      }),
  };
};
