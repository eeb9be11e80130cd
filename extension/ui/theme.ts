// The chosen theme on the page's root, also when another page changes it.
import { loadSettings } from '../settings.ts';

export const followTheme = (): void => {
  const apply = async (): Promise<void> => {
    const { theme } = await loadSettings();
    if (theme === 'system') delete document.documentElement.dataset['theme'];
    else document.documentElement.dataset['theme'] = theme;
  };
  chrome.storage.onChanged.addListener((changes, area) => {
    if (area === 'local' && 'settings' in changes) void apply();
  });
  void apply();
};
