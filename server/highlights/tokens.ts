// Words as they compare: lower case, no accents, no punctuation. "Can't" and "cant" are the same token.
export const tokenOf = (text: string): string => text.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase().replace(/[^\p{L}\p{N}]/gu, '');

/** Tokens of a running text, empty ones left out. */
export const tokensOf = (text: string): string[] => text.split(/[\s\u2010-\u2015/-]+/u).map(tokenOf).filter((token) => token !== '');
