/** PostgreSQL stores neither NUL nor half of a surrogate pair; both come in titles, transcripts and URLs of strangers. */
export const cleanText = (text: string): string => text.toWellFormed().replaceAll('\0', '');
