// Samples on their way into an encoder: in order, one call at a time, counted.
export type SampleChain = {
  readonly depth: number;
  push(add: () => Promise<void>): void;
  /** all pushed so far went in */
  drained(): Promise<void>;
};

export const sampleChain = (onError: (cause: unknown) => void): SampleChain => {
  let depth = 0;
  let last: Promise<void> = Promise.resolve();
  return {
    get depth() {
      return depth;
    },
    push: (add) => {
      depth++;
      last = last.then(add).catch(onError).finally(() => depth--);
    },
    drained: () => last,
  };
};
