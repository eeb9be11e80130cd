// One sound at a time: what starts playing pauses what played.
let playing: HTMLMediaElement | null = null;

export const playAlone = (media: HTMLMediaElement): void => {
  if (playing !== media) playing?.pause();
  playing = media;
};
