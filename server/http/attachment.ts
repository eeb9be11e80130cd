/** Content-Disposition for a download (RFC 6266): a plain name every client reads, and the exact one where they differ. */
export const attachment = (name: string): string => {
  const clean = name.replaceAll(/[\p{Cc}\p{Bidi_Control}/\\:*?"<>|]/gu, '_').replace(/^[.\s]+/, '').trim().slice(0, 150) || 'download';
  const plain = clean.normalize('NFKD').replaceAll(/[^\x20-\x7e]/g, '').replaceAll(/[%;]/g, '_').trim();
  // what is left may begin with a dot again, which hides a file
  const [, stem = '', ending = ''] = /^(.*?)(\.\w+)?$/.exec(plain) ?? [];
  const fallback = `${stem.replace(/^[.\s]+/, '') || 'download'}${ending}`;
  if (fallback === clean) return `attachment; filename="${fallback}"`;
  const exact = encodeURIComponent(clean.toWellFormed()).replaceAll(/['()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
  return `attachment; filename="${fallback}"; filename*=UTF-8''${exact}`;
};
