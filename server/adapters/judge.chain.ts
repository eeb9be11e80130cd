// Judges in order of preference: the next is asked when one cannot answer.
import type { Judge } from '../ports.ts';

/** Null where there is no judge. */
export const judgeChain = (judges: Judge[]): Judge | null => {
  const [first, ...others] = judges;
  if (!first) return null;
  return {
    name: judges.map((judge) => judge.name).join(' → '),
    judge: async (question, signal) => {
      let failure: unknown;
      for (const judge of judges) {
        try {
          return await judge.judge(question, signal);
        } catch (error) {
          signal.throwIfAborted();
          failure = error;
        }
      }
      throw failure;
    },
    state: () => (first.state().status === 'ok' ? first : (others.find((judge) => judge.state().status === 'ok') ?? first)).state(),
  };
};
