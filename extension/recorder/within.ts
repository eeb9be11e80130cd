/** What `work` gives, or `late` after `ms`. A rejection passes through. */
export const within = <T, L>(work: Promise<T>, ms: number, late: () => L): Promise<T | L> =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(() => resolve(late()), ms);
    work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
