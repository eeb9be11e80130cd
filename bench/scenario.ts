// What a scenario gives to the bench: contenders that are measured in turn, and what their numbers are held to.

/** `quick`: what CI can pay for. */
export type Scale = 'quick' | 'full';

export type Contender = {
  name: string;
  /** Measures once; metric → value. Its numbers are known as `contender.metric`. */
  run(round: number): Promise<Record<string, number>>;
};

/** The median of `of` over rounds, divided by `to` of the same round. Both are `contender.metric`. */
export type Ratio = { name: string; of: string; to: string };

/** `name`: a ratio, or a `contender.metric` where the promise is absolute. */
export type Goal = { name: string; atMost?: number; atLeast?: number };

export type Prepared = {
  /** contenders are interleaved: each runs once a round */
  rounds: number;
  contenders: Contender[];
  ratios: Ratio[];
  goals: Goal[];
  /** metric → unit, for the table */
  units: Record<string, string>;
  close(): Promise<void>;
};

export type Scenario = {
  name: string;
  /** what it answers, one sentence */
  question: string;
  prepare(scale: Scale): Promise<Prepared>;
};
