/** How single facts look everywhere: names, times, versions, states, confidence; and what stands there while there are none. */
import { useState } from 'preact/hooks';
import { ApiError } from '../js/api.js';
import { absolute, duration, entityName, percent, relative, timeOfDay, versionName } from '../js/format.js';
import { html } from '../js/html.js';
import { now } from '../js/live.js';
import { to } from '../js/router.js';

/** Small pictures beside words, never instead of them. @type {Record<string, {d: string, solid?: boolean}>} */
const SHAPES = {
  critical: { d: 'M5.2 1h5.6L15 5.2v5.6L10.8 15H5.2L1 10.8V5.2zM7.2 4.2v4.6h1.6V4.2zm0 6v1.7h1.6v-1.7z', solid: true },
  major: { d: 'M8 1.2 15.5 14.4H.5zM7.2 5.6v4.2h1.6V5.6zm0 5.4v1.6h1.6V11z', solid: true },
  minor: { d: 'M8 2.5a5.5 5.5 0 1 1 0 11 5.5 5.5 0 0 1 0-11z' },
  info: { d: 'M8 7.5v4M8 4.5v.4M8 2a6 6 0 1 1 0 12A6 6 0 0 1 8 2z' },
  ok: { d: 'm3 8.5 3.4 3.5L13 4.5' },
  no: { d: 'm4 4 8 8M12 4l-8 8' },
  wait: { d: 'M8 2a6 6 0 1 1 0 12A6 6 0 0 1 8 2zM8 4.8V8l2.2 1.6' },
  change: { d: 'M8 2v3.5M8 10.5V14M8 5.5a2.5 2.5 0 1 1 0 5 2.5 2.5 0 0 1 0-5z' },
  alert: { d: 'M8 2.2 14.2 13H1.8zM8 6.4v3M8 11.2v.2' },
  signal: { d: 'M1.5 8H5l2-5 2.5 10L11.5 8h3' },
  decision: { d: 'M3 8h8.5M8.5 4.5 12 8l-3.5 3.5' },
  action: { d: 'm5 3 7.5 5L5 13z' },
  verdict: { d: 'M2.5 3h11v7.5H8L5 13.5v-3H2.5z' },
  page: { d: 'M2 4h12v8.5H2zM2 4.5l6 4.5 6-4.5' },
  live: { d: 'M8 5a3 3 0 1 1 0 6 3 3 0 0 1 0-6z', solid: true },
  theme: { d: 'M8 2a6 6 0 1 0 0 12zM8 2a6 6 0 0 1 0 12' },
  incidents: { d: 'M1.5 8.5H5l1.8-5 2.6 9 1.8-4h3.3' },
  approvals: { d: 'M2.5 3h11v10h-11zM5.2 8l2 2 3.6-4' },
  services: { d: 'M2 2.5h5v4H2zM9 9.5h5v4H9zM4.5 6.5v5H9' },
  changes: { d: 'M2 5h11M10 2l3 3-3 3M14 11H3M6 8l-3 3 3 3' },
  models: { d: 'M8 1.8 14 5v6l-6 3.2L2 11V5zM2 5l6 3.2L14 5M8 8.2v6' },
  runbooks: { d: 'M3 2.5h8.5L13 4v9.5H3zM5.5 6h5M5.5 8.5h5M5.5 11h3' },
  ledger: { d: 'M3 2.5h10v11H3zM6 2.5v11M8.5 6h2.5M8.5 8.5h2.5' },
  settings: { d: 'M2 5h7M13 5h1M2 11h1M7 11h7M11 3a2 2 0 1 1 0 4 2 2 0 0 1 0-4zM5 9a2 2 0 1 1 0 4 2 2 0 0 1 0-4z' },
  more: { d: 'M3 4.5h10M3 8h10M3 11.5h10' },
};

/** @param {{name: string}} props */
export function Icon({ name }) {
  const shape = SHAPES[name] ?? SHAPES.info;
  return html`<svg class=${`icon ${shape.solid ? 'solid' : ''}`} viewBox="0 0 16 16" aria-hidden="true"><path fill-rule="evenodd" d=${shape.d} /></svg>`;
}

/** Marks that turn the direction of text or hide in it: shown as what they are, so that a name cannot pose as another. */
const TRICKS = /[\u202A-\u202E\u2066-\u2069\u200B-\u200F\u061C\uFEFF\u0000-\u0008\u000B-\u001F\u007F]/g;
/** @param {string} text */
export const plain = (text) => text.replace(TRICKS, (c) => `⟨U+${c.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}⟩`);

/** Text from outside: isolated, as text, cut to a length that one can ask to see. @param {{value: unknown, max?: number, expand?: boolean, more?: string}} props */
export function Text({ value, max = 280, expand = true, more = '' }) {
  const [open, setOpen] = useState(false);
  const all = String(value ?? '');
  if (all.length <= max) return html`<bdi>${plain(all)}</bdi>`;
  const toggle = (/** @type {Event} */ event) => {
    event.preventDefault();
    setOpen(!open);
  };
  const button = expand && html`<button type="button" class="link expand" aria-expanded=${open} onClick=${toggle}>${open ? 'show less' : more || `show all ${all.length.toLocaleString('en-US')} characters`}</button>`;
  return html`<bdi>${plain(open ? all : all.slice(0, max))}${open ? '' : '…'}</bdi>${button}`;
}

/** Relative, with the absolute on hover. @param {{ms: number}} props */
export function Ago({ ms }) {
  return html`<time datetime=${new Date(ms).toISOString()} title=${absolute(ms)}>${relative(ms, now.value)}</time>`;
}

/** How long already: `for 3 h`. @param {{ms: number}} props */
export function Since({ ms }) {
  return html`<time datetime=${new Date(ms).toISOString()} title=${`since ${absolute(ms)}`}>for ${duration(now.value - ms)}</time>`;
}

/** Time of day, with the absolute on hover. @param {{ms: number, seconds?: boolean}} props */
export function At({ ms, seconds = false }) {
  return html`<time datetime=${new Date(ms).toISOString()} title=${`${absolute(ms)} (${relative(ms, now.value)})`}>${timeOfDay(ms, seconds)}</time>`;
}

/** @param {{of: import('../../types.d.ts').VersionRef | null | undefined}} props */
export function Version({ of }) {
  if (!of) return null;
  const name = plain(versionName(of)).slice(0, 60);
  if (of.model.includes('/')) return html`<span class="version" title=${of.model.startsWith('user/') ? 'a person decided this' : 'a rule of your own'}><bdi>${name}</bdi></span>`;
  return html`<a class="version" href=${to('models', of.model)} title="the model version that decided this"><bdi>${name}</bdi></a>`;
}

/** @param {{id: string, max?: number}} props */
export function EntityLink({ id, max = 60 }) {
  return html`<a href=${to('services', id)} title=${plain(id.slice(0, 200))}><${Text} value=${entityName(id)} max=${max} expand=${false} /></a>`;
}

const TONES = /** @type {Record<string, [string, string]>} */ ({
  critical: ['critical', 'critical'], major: ['major', 'major'], minor: ['minor', 'minor'], info: ['', 'info'],
  open: ['bad', 'alert'], acknowledged: ['warn', 'wait'], resolved: ['ok', 'ok'], merged: ['', 'decision'],
  proposed: ['accent', 'wait'], approved: ['accent', 'ok'], running: ['accent', 'action'], succeeded: ['ok', 'ok'], failed: ['bad', 'no'],
  rejected: ['', 'no'], expired: ['', 'wait'], undone: ['warn', 'changes'], unknown: ['warn', 'info'], escalated: ['bad', 'alert'],
  firing: ['bad', 'alert'], started: ['accent', 'action'], skipped: ['', 'decision'], live: ['ok', 'live'], shadow: ['', 'theme'],
  ok: ['ok', 'ok'], bad: ['bad', 'no'], warn: ['warn', 'major'],
});

/** A state: icon, word and colour together. @param {{is: string, word?: string, icon?: string}} props */
export function State({ is, word, icon }) {
  const [tone, usual] = TONES[is] ?? ['', 'info'];
  return html`<span class=${`state ${tone}`}><${Icon} name=${icon ?? usual} /><bdi>${word ?? is}</bdi></span>`;
}

/** How sure a model is. @param {{p: number, says?: string}} props */
export function Confidence({ p, says = 'sure' }) {
  const width = `${Math.round(Math.max(0, Math.min(1, p)) * 100)}%`;
  return html`<span class="confidence" title=${`probability ${p.toFixed(3)}`}><span class="bar" aria-hidden="true"><i style=${{ width }}></i></span>${percent(p)} ${says}</span>`;
}

/** @param {{error: Error, retry?: () => void}} props */
export function Failure({ error, retry }) {
  const missing = error instanceof ApiError && error.status === 404;
  return html`<div class="failure" role="alert"><${State} is="bad" word=${missing ? 'Not found' : 'Cannot be shown'} />
    <div><p><${Text} value=${error.message} /></p>${retry && html`<button class="button" onClick=${retry}>Try again</button>`}</div></div>`;
}

/** @param {{what?: string}} props */
export const Loading = ({ what = '' }) => html`<p class="loading" role="status">Loading ${what}…</p>`;

/** @param {{title: string, children?: any}} props */
export const Empty = ({ title, children }) => html`<div class="empty"><h3>${title}</h3>${children}</div>`;

/** Loading, failure, or what it is made of. @param {{held: import('../js/store.js').Held, what: string, children: (data: any) => any}} props */
export function Shown({ held, what, children }) {
  if (held.data !== undefined) return children(held.data);
  return held.error ? html`<${Failure} error=${held.error} />` : html`<${Loading} what=${what} />`;
}

/** @param {{title: any, sentence?: any, children?: any}} props */
export function PageHead({ title, sentence, children }) {
  return html`<div class="page-head"><h1>${title}</h1><span class="grow"></span>${children}</div>
    ${sentence && html`<p class="sentence">${sentence}</p>`}`;
}
