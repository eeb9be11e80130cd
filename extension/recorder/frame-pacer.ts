// When a picture goes to the encoder. A tab delivers a frame when something was painted, between 0 and 60 times a second:
// moving pages get an even rate, still pages a few repeats so that the recording goes on.

/** so long after its last change a page counts as moving, and missing frames are filled at the full rate */
const MOVING_MS = 500;
/** repeats of a still picture */
const STILL_MS = 200;

/** Media times in ms at which the newest frame is to be encoded. */
export type FramePacer = {
  /** A frame came (after `tick` for the same time). Gives when it is shown: null = its place is taken, it is shown by a later `tick` unless a newer one is. */
  arrived(nowMs: number): number | null;
  /** Called more often than the frame rate: places that went by without a frame, for the frame before. */
  tick(nowMs: number): number[];
};

export const framePacer = (framesPerSecond: number): FramePacer => {
  const placeMs = 1000 / framesPerSecond;
  const still = Math.round(STILL_MS / placeMs);
  let shown = -1;
  let changedAt = -Infinity;
  let waiting = false;
  const show = (place: number): number => {
    shown = place;
    return place * placeMs;
  };
  return {
    arrived: (nowMs) => {
      const place = Math.floor(nowMs / placeMs);
      changedAt = nowMs;
      waiting = place <= shown;
      return waiting ? null : show(place);
    },
    tick: (nowMs) => {
      if (shown < 0) return [];
      const over = Math.floor(nowMs / placeMs) - 1; // the last place that no frame can come into any more
      const step = waiting || nowMs - changedAt <= MOVING_MS ? 1 : still;
      const times: number[] = [];
      while (shown + step <= over) times.push(show(shown + step));
      if (times.length > 0) waiting = false;
      return times;
    },
  };
};
