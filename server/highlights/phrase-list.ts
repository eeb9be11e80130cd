// Built-in trigger phrases (English). Data: replace them with the `phrases` option.
import type { Phrase } from './settings.ts';

export const DEFAULT_PHRASES: Phrase[] = [
  // orders
  { text: 'clip that', weight: 1 }, { text: 'clip it', weight: 1 }, { text: 'clip this', weight: 1 }, { text: 'somebody clip', weight: 1 }, { text: 'someone clip', weight: 1 },
  // reactions
  { text: 'no way', weight: 0.6 }, { text: 'oh my god', weight: 0.6 }, { text: 'oh my gosh', weight: 0.6 }, { text: 'what just happened', weight: 0.6 },
  { text: 'are you kidding me', weight: 0.6 }, { text: 'you have got to be kidding', weight: 0.6 }, { text: 'did you see that', weight: 0.7 }, { text: 'i cannot believe', weight: 0.6 },
  { text: "i can't believe", weight: 0.6 }, { text: 'unbelievable', weight: 0.5 }, { text: 'insane', weight: 0.4 }, { text: 'that was crazy', weight: 0.5 }, { text: "let's go", weight: 0.5 },
  { text: 'lets go', weight: 0.5 }, { text: 'holy moly', weight: 0.6 }, { text: 'holy cow', weight: 0.5 }, { text: 'what the hell', weight: 0.5 }, { text: 'what the heck', weight: 0.5 },
  { text: 'world record', weight: 0.6 }, { text: 'new record', weight: 0.5 }, { text: 'we did it', weight: 0.6 }, { text: 'i did it', weight: 0.5 }, { text: 'we won', weight: 0.5 },
  { text: 'jackpot', weight: 0.5 }, { text: 'first try', weight: 0.4 }, { text: 'game over', weight: 0.3 }, { text: 'pentakill', weight: 0.7 }, { text: 'ace', weight: 0.3 }, { text: 'clutch', weight: 0.4 },
  { text: 'wait what', weight: 0.5 }, { text: 'look at that', weight: 0.4 }, { text: 'yes yes yes', weight: 0.6 }, { text: 'no no no', weight: 0.5 }, { text: "i'm shaking", weight: 0.5 },
  { text: 'i am dead', weight: 0.4 }, { text: "i'm crying", weight: 0.4 }, { text: 'best moment', weight: 0.5 }, { text: 'never seen', weight: 0.4 },
  // routine that is loud without being a moment
  { text: 'thanks for the raid', weight: -0.5 }, { text: 'thank you for the raid', weight: -0.5 }, { text: 'thanks for the follow', weight: -0.4 }, { text: 'thanks for the sub', weight: -0.4 },
  { text: 'welcome to the stream', weight: -0.5 }, { text: 'welcome back', weight: -0.3 }, { text: 'good morning everyone', weight: -0.4 }, { text: 'hello everyone', weight: -0.4 },
  { text: 'this video is sponsored', weight: -0.6 }, { text: 'be right back', weight: -0.4 },
];
