// The offscreen document that records. Only one may exist; Chrome closes none that captures a tab.
export const hasRecorder = async (): Promise<boolean> =>
  (await chrome.runtime.getContexts({ contextTypes: [chrome.runtime.ContextType.OFFSCREEN_DOCUMENT] })).length > 0;

let making: Promise<void> | null = null;

/** Resolves when the recorder listens. */
export const ensureRecorder = async (): Promise<void> => {
  if (making === null && (await hasRecorder())) return;
  making ??= chrome.offscreen
    .createDocument({ url: 'recorder.html', reasons: [chrome.offscreen.Reason.USER_MEDIA, chrome.offscreen.Reason.BLOBS], justification: 'records the tabs you choose and sends what was not sent yet' })
    .finally(() => { making = null; });
  await making;
};
