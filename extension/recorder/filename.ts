// A name that every file system and chrome.downloads take.

const RESERVED = /^(con|prn|aux|nul|com\d|lpt\d)$/i;
/** 255 bytes is the limit of most file systems; date, extension and a browser's " (12)" need some. */
const MAX_TITLE_BYTES = 180;

const shorten = (text: string): string => {
  const encoder = new TextEncoder();
  let [short, bytes] = ['', 0];
  for (const character of text) {
    bytes += encoder.encode(character).length;
    if (bytes > MAX_TITLE_BYTES) break;
    short += character;
  }
  return short;
};

const cleanTitle = (title: string): string => {
  const plain = title.toWellFormed().normalize('NFC').replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cn}\uFFFD]/gu, ' ').replaceAll(/[<>:"/\\|?*%~]/g, '-');
  const name = shorten(plain.replaceAll(/\s+/g, ' ').replace(/^[ .-]+/, '')).replace(/[ .-]+$/, '');
  return name === '' || RESERVED.test(name.split('.')[0] ?? '') ? `Clippy ${name}`.trim() : name;
};

/** `at` in the time zone of this browser. */
export const fileName = (title: string, at: Date, extension: 'mp4' | 'webm'): string => {
  const two = (value: number): string => String(value).padStart(2, '0');
  const day = [at.getFullYear(), two(at.getMonth() + 1), two(at.getDate())].join('-');
  return `${cleanTitle(title)} ${day} ${[at.getHours(), at.getMinutes(), at.getSeconds()].map(two).join('-')}.${extension}`;
};
