/** How single facts look everywhere: names, times, versions, states, confidence; and what stands there while there are none. */
import { useState } from 'preact/hooks';
import { ApiError } from '../js/api.js';
import { absolute, duration, entityName, percent, relative, timeOfDay, versionName } from '../js/format.js';
import { html } from '../js/html.js';
import { now } from '../js/live.js';
import { to } from '../js/router.js';
import { Icon } from './icons.js';

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
