// Puts the wanted theme on <html>; "system" follows the system while the window is open.
type Theme = 'system' | 'light' | 'dark';

const dark = window.matchMedia('(prefers-color-scheme: dark)');
let wanted: Theme = 'system';

const apply = (): void => {
  document.documentElement.dataset['theme'] = wanted === 'system' ? (dark.matches ? 'dark' : 'light') : wanted;
};
dark.addEventListener('change', apply);

export function setTheme(theme: Theme): void {
  wanted = theme;
  apply();
}
