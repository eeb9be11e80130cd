import type { Clock } from '../clock.ts';
import { messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Check } from './route.ts';

const PATIENCE_MS = 2_000;
/** Outcomes are shared this long: probes of several watchers cost one round of checks. */
const FRESH_MS = 1_000;

type Outcome = { name: string; ok: boolean };

/** Runs all checks side by side; what exactly failed is for the log, its name is for everyone. */
export const createReadiness = (checks: readonly Check[], clock: Clock, log: Log): (() => Promise<Outcome[]>) => {
  let latest: { at: number; outcomes: Promise<Outcome[]> } | null = null;

  const run = async ({ name, check }: Check): Promise<Outcome> => {
    const late = Promise.withResolvers<boolean>();
    const cancel = clock.after(PATIENCE_MS, () => late.resolve(false));
    try {
      const answered = await Promise.race([check().then(() => true), late.promise]);
      if (!answered) throw new Error(`no answer within ${PATIENCE_MS} ms`);
      return { name, ok: true };
    } catch (error) {
      log.warn({ check: name, reason: messageOf(error) }, 'a readiness check failed');
      return { name, ok: false };
    } finally {
      cancel();
    }
  };

  return () => {
    if (!latest || clock.monotonic() - latest.at >= FRESH_MS) latest = { at: clock.monotonic(), outcomes: Promise.all(checks.map(run)) };
    return latest.outcomes;
  };
};
