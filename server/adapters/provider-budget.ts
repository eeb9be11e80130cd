// Money one provider may cost, per hour and day (UTC), with a hard stop. What was spent is kept in the repository, so a restart
// does not begin anew; what is under way is reserved, so that calls side by side cannot pass the limit together.
import type { Clock } from '../clock.ts';
import { ProviderError } from '../errors.ts';
import type { Repository } from '../ports.ts';

export type SpendBook = Pick<Repository, 'addSpend' | 'spent'>;
/** US dollars; 0 = nothing may be spent */
export type BudgetLimits = { hourUsd: number; dayUsd: number };

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

export type Budget = {
  /** Throws `ProviderError budget`. The returned function ends the reservation: with what it cost, or 0. */
  reserve(usd: number): Promise<(costUsd: number) => Promise<void>>;
  /** as last read */
  spent(): { hour: number; day: number };
  /** ms until the limit that stops us is over; 0 = not stopped */
  stoppedForMs(): number;
};

export const createBudget = (options: { provider: string; limits: BudgetLimits; book: SpendBook; clock: Clock; onError: (error: unknown) => void }): Budget => {
  const { provider, limits, book, clock } = options;
  let reserved = 0;
  /** what the book could not take: it still counts */
  let unwritten = 0;
  let last = { hour: 0, day: 0 };
  let stoppedUntil = 0;
  const starts = (): { hourAt: number; dayAt: number } => ({ hourAt: Math.floor(clock.now() / HOUR) * HOUR, dayAt: Math.floor(clock.now() / DAY) * DAY });

  const refuse = (what: 'hour' | 'day', spent: number, limit: number, until: number): ProviderError => {
    stoppedUntil = until;
    const setting = what === 'hour' ? 'CLIPPY_BUDGET_HOUR_USD' : 'CLIPPY_BUDGET_DAY_USD';
    return new ProviderError(provider, 'budget', `${provider} has cost $${spent.toFixed(4)} of $${limit} this ${what}; raise ${setting} or wait`, { retryAfterMs: until - clock.now() });
  };

  const settle = async (usd: number, cost: number): Promise<void> => {
    reserved -= usd;
    if (cost <= 0) return;
    last = { hour: last.hour + cost, day: last.day + cost };
    try {
      await book.addSpend(provider, starts().hourAt, cost);
    } catch (error) {
      unwritten += cost;
      options.onError(error);
    }
  };

  return {
    reserve: async (usd) => {
      const { hourAt, dayAt } = starts();
      reserved += usd;
      try {
        const [hour, day] = await Promise.all([book.spent(provider, hourAt), book.spent(provider, dayAt)]);
        last = { hour: hour + unwritten, day: day + unwritten };
        if (usd > 0 && last.day + reserved > limits.dayUsd) throw refuse('day', last.day, limits.dayUsd, dayAt + DAY);
        if (usd > 0 && last.hour + reserved > limits.hourUsd) throw refuse('hour', last.hour, limits.hourUsd, hourAt + HOUR);
      } catch (error) {
        reserved -= usd;
        throw error;
      }
      stoppedUntil = 0;
      return (costUsd) => settle(usd, costUsd);
    },
    spent: () => last,
    stoppedForMs: () => Math.max(0, stoppedUntil - clock.now()),
  };
};
