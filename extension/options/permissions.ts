// Why each permission of the manifest is asked for, in words a person can check. A test keeps this list equal to the manifest's.
export type PermissionText = { name: string; why: string };

export const PERMISSIONS: Record<string, PermissionText> = {
  activeTab: { name: 'The tab you are looking at', why: 'Only when you open Clippy or press its shortcut there, and only for that tab: its title and address are kept with the recording.' },
  tabCapture: { name: 'Capture a tab', why: 'Picture and sound of the tab you chose to record, and of no other.' },
  offscreen: { name: 'Work in the background', why: 'The recorder runs in a page without a window, so that recording goes on when the popup closes.' },
  scripting: { name: 'Look for the video in a recorded page', why: 'Finds where the largest video stands in the page being recorded, so that clips can be cropped to it. It also tells the title and address of the page, and whether the video plays. It reads nothing else and runs nowhere else.' },
  storage: { name: 'Remember settings', why: 'Your settings and the pairing with your server, in this browser only.' },
  unlimitedStorage: { name: 'Keep the last minutes', why: 'What the server has not confirmed yet stays in this browser, so that a lost connection or a crash loses nothing.' },
  notifications: { name: 'Notifications', why: 'Tell of new clips and of trouble with a recording; each can be turned off above.' },
  sidePanel: { name: 'Side panel', why: 'The live monitor beside the page.' },
  '<all_urls>': { name: 'Players embedded from other sites', why: 'Only if you switch it on under Recording: Chrome then lets Clippy look for the video inside frames of other sites, in pages being recorded and nowhere else.' },
  downloads: { name: 'Save clips', why: 'Writes the clips you save to your downloads folder. It does not read your downloads.' },
};
