// What a scenario gives to the bench: contenders that are measured in turn, and what their numbers are held to.

/** `quick`: what CI can pay for. */
export type Scale = 'quick' | 'full';

export type Contender = {
  name: string;
  /**
   * Measures once; metric → value. Its numbers are known as `contender.metric`. The bench adds `generator.cpuShare` (cores this
   * process itself used meanwhile) unless the contender, whose load is made elsewhere, gives its own.
   */
  run(round: number): Promise<Record<string, number>>;
};

/** `of` divided by `to` of the same round, then the median over rounds. Both are `contender.metric`. */
export type Ratio = {
  name: string;
  of: string;
  to: string;
  /** What a regression is. Left out: as its goal says; without a goal, lower, as costs are. */
  better?: 'lower' | 'higher';
};

/** `name`: a ratio, or a `contender.metric` where the promise is absolute. */
export type Goal = { name: string; atMost?: number; atLeast?: number };

export type Prepared = {
  /** contenders are interleaved: each runs once a round, in an order that rotates; at least 7 in full scale */
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
