// One look at this frame: its largest visible video, and the places of the frames inside it.
import type { Rectangle } from '../../shared/model.ts';
import { areaOf, intersect, type Size } from '../region-map.ts';
import { contentBox, isWithin, visiblePart, visibleViewport } from './boxes.ts';
import { pictureIn } from './picture.ts';

/** Smaller frames hold no video worth following. */
const LEAST_FRAME = 32;
const MOST_FRAMES = 16;

type Candidate = { element: HTMLElement; box: Rectangle };

const isShown = (element: HTMLElement): boolean =>
  element.checkVisibility({ opacityProperty: true, visibilityProperty: true, contentVisibilityAuto: true }) && (!document.fullscreenElement || isWithin(element, document.fullscreenElement));

/** The box of the picture itself. A video without pictures has none, and one in picture-in-picture leaves a placeholder behind. */
const pictureBox = (video: HTMLVideoElement): Rectangle | null => {
  if (video.videoWidth === 0 || video.matches(':picture-in-picture')) return null;
  const content = contentBox(video);
  if (!content) return null;
  const { box, kx, ky, style } = content;
  const picture = pictureIn({ width: box.width / kx, height: box.height / ky }, { width: video.videoWidth, height: video.videoHeight }, style);
  return picture && { x: box.x + picture.x * kx, y: box.y + picture.y * ky, width: picture.width * kx, height: picture.height * ky };
};

/** Largest first, as they lie; what can be seen of them is dearer to find out. */
const byArea = <T extends HTMLElement>(elements: T[], boxOf: (element: T) => Rectangle | null, view: Rectangle): (Candidate & { element: T })[] =>
  elements
    .flatMap((element) => { const box = boxOf(element); return box && intersect(box, view) ? [{ element, box }] : []; })
    .sort((a, b) => areaOf(b.box) - areaOf(a.box));

const largestVideo = (videos: HTMLVideoElement[], view: Rectangle): { video: HTMLVideoElement; part: Rectangle } | null => {
  let best: { video: HTMLVideoElement; part: Rectangle } | null = null;
  for (const { element, box } of byArea(videos, pictureBox, view)) {
    if (best && areaOf(box) <= areaOf(best.part)) break;
    const part = isShown(element) ? visiblePart(element, box, view) : null;
    if (part && areaOf(part) > areaOf(best?.part ?? null)) best = { video: element, part };
  }
  return best;
};

const FINE = 64; // Blink's layout unit
/** what a message may hold (messages.ts); a page may be as large as it likes */
const FARTHEST = 1e6;
const LARGEST = 1e5;
const round = (value: number): number => Math.max(-FARTHEST, Math.min(FARTHEST, Math.round(value * FINE) / FINE));
/** a frame that is not shown has a size of 0 */
const side = (value: number): number => Math.max(1, Math.min(LARGEST, value));

export type Look = {
  video: HTMLVideoElement | null;
  rect: Rectangle | null;
  viewport: Size;
  frames: { element: HTMLIFrameElement; box: Rectangle; part: Rectangle }[];
};

export const look = (videos: HTMLVideoElement[], iframes: HTMLIFrameElement[]): Look => {
  const view = visibleViewport();
  const scale = visualViewport?.scale ?? 1;
  /** what pinch zoom makes of the layout viewport */
  const seen = ({ x, y, width, height }: Rectangle): Rectangle => ({ x: round((x - view.x) * scale), y: round((y - view.y) * scale), width: round(width * scale), height: round(height * scale) });
  const best = largestVideo(videos, view);
  const frames: Look['frames'] = [];
  for (const { element, box } of byArea(iframes, (frame) => contentBox(frame)?.box ?? null, view)) {
    if (frames.length === MOST_FRAMES) break;
    const part = isShown(element) ? visiblePart(element, box, view) : null;
    if (part && Math.min(part.width, part.height) >= LEAST_FRAME) frames.push({ element, box: seen(box), part: seen(part) });
  }
  return { video: best?.video ?? null, rect: best && seen(best.part), viewport: { width: side(innerWidth), height: side(innerHeight) }, frames };
};
