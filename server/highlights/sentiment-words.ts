// A small valence lexicon of our own, −5 (worst) to 5 (best), for spoken English around games and events. Only the strength of
// feeling counts here; its sign is kept for those who replace the list.
const LISTS: [number, string][] = [
  [5, 'amazing awesome incredible unbelievable phenomenal legendary epic spectacular magnificent masterpiece'],
  [4, 'insane brilliant fantastic wonderful perfect crazy love loved champion victory triumph glorious outstanding superb stunning miracle genius flawless ecstatic thrilled'],
  [3, 'great excellent beautiful win wins winning winner won best hilarious happy excited exciting fun funny wow yes impressive hero celebrate celebrating proud joy delighted hype hyped massive huge wild clean sick clutch'],
  [2, 'good nice cool sweet like likes liked lucky glad enjoy enjoyed enjoying better smooth strong safe thanks thank welcome cute fresh solid smart pretty laugh laughing smile pleased hope yay bravo congratulations congrats'],
  [1, 'fine okay ready easy calm clear helpful interesting'],
  [-1, 'slow hard wait odd strange boring tired late miss missed unlucky'],
  [-2, 'bad sad sorry wrong lost lose losing fail failed mistake problem angry annoying weak stupid dumb ugly hurt scared afraid nervous worried stuck broken trouble silly wrecked'],
  [-3, 'terrible awful horrible hate hated ridiculous die died dead dying kill killed killing murder panic scary terrified painful cry crying cheater cheating trash garbage worst robbed shocked shocking destroyed furious nightmare'],
  [-4, 'disaster catastrophe devastating disgusting pathetic outrageous insulting horrifying screaming scream screamed rage raging hell damn'],
  [-5, 'despicable evil'],
];

export const SENTIMENT_WORDS: ReadonlyMap<string, number> = new Map(LISTS.flatMap(([valence, words]) => words.split(' ').map((word): [string, number] => [word, valence])));
