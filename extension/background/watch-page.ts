// Puts the script that follows the page's video into a tab being recorded. Where Chrome does not allow it (the page went to another
// site, which ends the user's grant) the recording goes on without a region.
export const watchPage = async (tabId: number): Promise<void> => {
  await chrome.scripting.executeScript({ target: { tabId, allFrames: true }, files: ['region.js'] }).catch(() => undefined);
};

/** The script ends itself when nobody answers it any more; this only makes it sooner. */
export const unwatchPage = async (tabId: number): Promise<void> => {
  await chrome.tabs.sendMessage(tabId, { to: 'page', type: 'stop' }).catch(() => undefined);
};
