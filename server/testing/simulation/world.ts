// One world: a server that dies and comes back, clients, a network, a disk, a database and a store, run from its seed to its end.
import { seededRandom } from '../../../shared/testing/random.ts';
import { messageOf } from '../../errors.ts';
import { judgeEnd } from './end.ts';
import { type Plan, type Trouble, drawFrom, drawPlan } from './plan.ts';
import type { Server } from './process.ts';
import { type Kept, type Recorder, film, newShelf, startRecorder } from './recorder.ts';
import { createSurroundings } from './surroundings.ts';
import type { Violation } from './witness.ts';

export type Outcome = {
  seed: number;
  violation: Violation | null;
  steps: number;
  hash: number;
  /** how the last client ended */
  ended: string;
  clips: number;
  lives: number;
  /** empty unless asked for */
  trace: string[];
};

const KEY = '01JD6Q2V0000000000000000AA';
/** No world needs so much to come to its end. */
const MAX_STEPS = 60_000;
const MAX_HEALED_MS = 3 * 3_600_000;

/** Runs the world of `seed`. Only from a macrotask (see scheduler.ts). */
export const runWorld = (seed: number, { traced = false, plan = drawPlan(seed) }: { traced?: boolean; plan?: Plan } = {}): Outcome => {
  const draw = drawFrom(seededRandom(seed * 2));
  const { random } = draw;
  const around = createSurroundings({ plan, draw, traced });
  const { scheduler, disk, repository, store, witness, links, trace, lifeOf } = around;
  const here: { phase: 'recording' | 'draining' | 'judging' | 'judged' | 'stopping' | 'over' } = { phase: 'recording' };

  // ── clients ──
  const captures = film(plan, draw);
  const kept: Kept[] = [];
  const shelf = plan.recorder.lasting ? newShelf() : null;
  const recorders: Recorder[] = [];
  const record = (from: number): void => {
    const life = lifeOf(`client ${recorders.length}`);
    const take = recorders.length;
    trace('client starts', take);
    recorders.push(startRecorder({
      plan, life, random, key: KEY, take, captures, from, shelf, resume: take > 0, kept: plan.recorder.mode === 'file' ? [] : kept,
      socket: around.socketOf(life, take),
    }));
  };
  const loseClient = (power: boolean): void => {
    const last = recorders.at(-1);
    if (!last) return;
    trace('client dies', last.take);
    last.life.kill();
    // What its ring could not keep dies with it, the numbers it had are given again.
    for (const entry of kept) if (entry.volatile && entry.state === 'taken') entry.state = 'waiting';
    witness.clientDied();
    for (const link of links) link.clientGone(!power);
  };

  // ── what goes wrong ──
  const meet = (trouble: Trouble): void => {
    const last = recorders.at(-1);
    switch (trouble.type) {
      case 'client restart':
        trace(trouble.type, JSON.stringify(trouble));
        if (last?.outcome !== 'running' || last.life.dead || last.at() >= captures.length) return;
        loseClient(trouble.power);
        scheduler.after(trouble.afterMs, () => record(plan.recorder.mode === 'file' ? 0 : last.at()));
        return;
      case 'takeover':
        trace(trouble.type, JSON.stringify(trouble));
        if (last?.outcome === 'running' && !last.life.dead) record(0);
        return;
      default: return around.meet(trouble);
    }
  };

  // main.ts has made the data folder long ago
  void disk.makeDir('/data').then(() => disk.syncDir('/'));
  scheduler.settle();
  around.launch();
  scheduler.after(random() * 200, () => record(0));
  scheduler.settle();
  let trouble = 0;
  let healedAt = Infinity;
  const lastClient = (): Recorder | undefined => recorders.at(-1);
  const allTold = (): boolean => trouble === plan.troubles.length;
  const settledDown = (): boolean => {
    const last = lastClient();
    return last !== undefined && !last.life.dead && recorders.every(({ outcome, life }) => outcome !== 'running' || life.dead);
  };
  const heal = (): void => {
    around.heal();
    healedAt = scheduler.now();
    trace('healed', 0);
    if (lastClient()?.life.dead) return; // its restart is under way
  };

  let busy = 0;
  const restarted = new Set<Server>();
  const look = async (): Promise<void> => {
    const sessions = await repository.sessions({ limit: 10 });
    const failed = sessions.find(({ status }) => status === 'failed');
    if (failed && here.phase === 'draining' && around.server?.state === 'listening' && !restarted.has(around.server)) {
      restarted.add(around.server); // analysis gave up while the disk was away: somebody starts it again (S1)
      await around.server.queries.restartSession(failed.id).catch(() => {});
    }
    const done = !failed && sessions.every(({ status }) => status === 'closed') && (around.server?.supervisor?.live().length ?? 1) === 0;
    if (done && here.phase === 'draining') here.phase = 'judging';
  };
  const pending = (): string => `phase ${here.phase}, client ${JSON.stringify(lastClient()?.outcome)} ${JSON.stringify(lastClient()?.recording.status)}, server ${around.server?.state} calls ${around.server?.life.calls().join(',')}`;

  while (here.phase !== 'over' && witness.violation === null) {
    if (!scheduler.step()) {
      witness.violate('SIM12', `nothing more will happen: ${pending()}`);
      break;
    }
    around.steps++;
    if (around.steps > MAX_STEPS || scheduler.now() - healedAt > MAX_HEALED_MS) witness.violate('SIM12', `no end after ${around.steps} steps, ${Math.round(scheduler.now() - healedAt)} ms after the last fault: ${pending()}`);
    for (let next = plan.troubles[trouble]; next !== undefined && (next.atStep <= around.steps || here.phase !== 'recording'); next = plan.troubles[trouble]) {
      trouble++;
      if (here.phase === 'recording') {
        meet(next.trouble);
        scheduler.settle();
      }
    }
    around.tend(here.phase === 'stopping');
    const last = lastClient();
    if (!around.healed && last !== undefined && (allTold() || settledDown()) && (last.outcome !== 'running' || last.at() >= captures.length) && around.steps > 30) heal();
    if (here.phase === 'recording' && around.healed && settledDown()) {
      here.phase = 'draining';
      for (const recorder of recorders) recorder.close();
    }
    if (here.phase === 'draining' && ++busy % 16 === 0 && around.server?.state === 'listening') void look();
    if (here.phase === 'judging' && busy >= 0 && around.server?.state === 'listening') {
      busy = -1e9;
      const at = around.server;
      judgeEnd({ plan, witness, repository, store, server: at, captures, kept, recorders }).then(
        () => { here.phase = 'judged'; },
        (error: unknown) => witness.violate('SIM0', `the end could not be judged: ${error instanceof Error ? error.stack : messageOf(error)}`),
      );
      scheduler.settle();
    }
    // A stop in the middle of a slow call may take too long and be cut short; the last one shall end by itself.
    if (here.phase === 'judged' && around.server?.state === 'listening' && around.server.life.calls().length === 0) {
      here.phase = 'stopping';
      around.server.stop();
      scheduler.settle();
    }
    if (here.phase === 'stopping' && around.server !== null && around.server.state !== 'stopping' && around.server.state !== 'listening') {
      if (around.server.state !== 'ended') witness.violate('SIM12', `the last stop did not end cleanly: ${around.server.state}`);
      else if (around.server.life.timers() > 0 || around.server.life.calls().length > 0) witness.violate('SIM12', `a clean stop leaves ${around.server.life.timers()} timers and the calls ${around.server.life.calls().join(',')}`);
      here.phase = 'over';
    }
  }
  const last = lastClient();
  return {
    seed, violation: witness.violation, steps: around.steps, hash: around.hash, lives: around.lives, trace: around.lines,
    ended: last === undefined ? 'none' : typeof last.outcome === 'string' ? last.outcome : last.outcome.failed,
    clips: [...witness.facts.values()].reduce((sum, { clips }) => sum + clips.size, 0),
  };
};

/** The same from anywhere. A promise that nobody caught counts against the world it happened in. */
export const runWorldLater = async (seed: number, options: { traced?: boolean; plan?: Plan } = {}): Promise<Outcome> => {
  let uncaught: unknown = null;
  const onUncaught = (error: unknown): void => { uncaught ??= error; };
  process.on('unhandledRejection', onUncaught);
  Error.stackTraceLimit = options.traced ? 20 : 0;
  const outcome = await new Promise<Outcome>((resolve) => { setImmediate(() => resolve(runWorld(seed, options))); });
  await new Promise((resolve) => { setImmediate(resolve); });
  process.off('unhandledRejection', onUncaught);
  return uncaught === null ? outcome : { ...outcome, violation: outcome.violation ?? { rule: 'SIM13', message: `a promise was rejected and nobody caught it: ${messageOf(uncaught)}` } };
};
