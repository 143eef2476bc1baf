/** Dark and light follow the system, until somebody says otherwise on this browser. */
import { effect, signal } from '@preact/signals';

const ORDER = ['system', 'dark', 'light'];
const KEY = 'mainstay-theme';

function kept() {
  try { return localStorage.getItem(KEY) ?? 'system'; } catch { return 'system'; }
}

export const theme = signal(ORDER.includes(kept()) ? kept() : 'system');

effect(() => {
  const told = theme.value;
  if (told === 'system') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = told;
  try { localStorage.setItem(KEY, told); } catch { /* a private window forgets, and that is fine */ }
});

export const next = () => { theme.value = ORDER[(ORDER.indexOf(theme.value) + 1) % ORDER.length]; };

/** Rises when colours change, so that canvases are drawn again. */
export const dark = signal(0);
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => { dark.value += 1; });
effect(() => { theme.value; dark.value = dark.peek() + 1; });

/** What a CSS variable is right now, for a canvas. @param {string} name */
export function colour(name) {
  const probe = document.createElement('i');
  probe.style.color = `var(${name})`;
  document.body.append(probe);
  const value = getComputedStyle(probe).color;
  probe.remove();
  return value;
}
