/** Gives their memory back now: left to the collector, it makes that run over all that lives. Nobody looks at them afterwards; the list is emptied. */
export const freeBuffers = (buffers: ArrayBuffer[]): void => {
  for (const buffer of buffers.splice(0)) buffer.transfer(0);
};
