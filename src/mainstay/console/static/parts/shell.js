/** The frame round every page: where one can go, whether what one sees is fresh, who one is. */
import { may, me } from '../js/api.js';
import { absolute, count, timeOfDay } from '../js/format.js';
import { html } from '../js/html.js';
import { useKeys } from '../js/keys.js';
import { live } from '../js/live.js';
import { route, to } from '../js/router.js';
import { items, useData } from '../js/store.js';
import { next, theme } from '../js/theme.js';
import { close, show } from './dialog.js';
import { Ago, Icon, Text } from './words.js';

const PAGES = [['incidents', 'Incidents'], ['approvals', 'Approvals'], ['changes', 'Changes'], ['services', 'Services'], ['models', 'Models'], ['runbooks', 'Runbooks'], ['ledger', 'Ledger'], ['settings', 'Settings']];
/** Pages that belong to another one's room. @type {Record<string, string>} */
const ROOM = { production: 'models', outlook: 'services' };
const SHORT = ['incidents', 'approvals', 'services', 'models'];

const KEYS = [['j  k', 'next, previous'], ['Enter', 'open'], ['/', 'search'], ['a', 'approve the plan'], ['r', 'reject the plan'], ['.', 'give a verdict'], ['g i', 'incidents'], ['g a', 'approvals'], ['g c', 'changes'], ['g s', 'services'], ['g m', 'models'], ['g r', 'runbooks'], ['g l', 'ledger'], ['g u', 'settings'], ['g o', 'outlook'], ['g w', 'what holds pages: silences'], ['Esc', 'close'], ['Ctrl Enter', 'send a form'], ['?', 'this help']];

const Help = () => html`<div class="sheet"><h1 id="dialog-title">Keys</h1>
  <dl class="keys">${KEYS.map(([key, does]) => html`<dt>${key.split('  ').map((k) => html`<kbd>${k}</kbd> `)}</dt><dd>${does}</dd>`)}</dl>
  <footer><button class="button" onClick=${close} autofocus>Close</button></footer></div>`;

const More = () => html`<div class="sheet"><h1 id="dialog-title">More</h1>
  <nav class="nav">${PAGES.filter(([page]) => !SHORT.includes(page)).map(([page, name]) => html`<a href=${to(page)} onClick=${close}><${Icon} name=${page} />${name}</a>`)}</nav>
  <footer><button class="button" onClick=${close}>Close</button></footer></div>`;

/** @param {{page: string, name: string, waiting: number}} props */
const NavLink = ({ page, name, waiting }) => html`<a href=${to(page)} aria-current=${(ROOM[route.value.page] ?? route.value.page) === page ? 'page' : null}>
  <${Icon} name=${page} />${name}${page === 'approvals' && waiting > 0 && html`<span class="count" title="plans wait for a decision">${count(waiting)}<span class="visually-hidden"> waiting</span></span>`}</a>`;

/** How many plans wait for a person. */
function useWaiting() {
  const approvals = useData('/approvals');
  return items(approvals.data).length;
}

function Liveness() {
  const { state } = live.value;
  const word = state === 'live' ? 'live' : state === 'starting' ? 'connecting…' : 'not live';
  return html`<span class=${`state ${state === 'live' ? 'ok' : state === 'stale' ? 'warn' : ''} small`} title="whether this page updates by itself"><${Icon} name=${state === 'stale' ? 'alert' : 'live'} />${word}</span>`;
}

function Stale() {
  if (live.value.state !== 'stale') return null;
  return html`<div class="stale" role="status"><${Icon} name="alert" /><span>No connection to Mainstay since <span title=${absolute(live.value.since)}>${timeOfDay(live.value.since, true)}</span>. What you see is from then (<${Ago} ms=${live.value.since} />); trying again.</span></div>`;
}

/** @param {{children?: any}} props */
export function Shell({ children }) {
  const waiting = useWaiting();
  useKeys(() => ({ '?': () => show(Help) }), []);
  const foot = SHORT.map((page) => PAGES.find(([p]) => p === page) ?? ['', '']);
  return html`<a class="skip" href="#main" onClick=${skip}>Skip to the content</a>
    <div class="frame">
      <header class="side">
        <a class="brand" href=${to('incidents')}><img src="icon.svg" alt="" />Mainstay</a>
        <nav class="nav" aria-label="Pages">${PAGES.map(([page, name]) => html`<${NavLink} key=${page} page=${page} name=${name} waiting=${waiting} />`)}</nav>
        <div class="side-foot">
          <div class="row"><${Liveness} /><button class="button quiet small" onClick=${next} title=${`Theme: ${theme.value}. Press for the next.`} aria-label=${`Theme: ${theme.value}`}><${Icon} name="theme" /></button></div>
          <div class="row wide"><a class="muted" href=${to('settings')} title="who you are"><${Text} value=${me.value?.name} max=${18} expand=${false} /></a><button class="button quiet small" onClick=${() => show(Help)}><kbd>?</kbd> keys</button></div>
        </div>
      </header>
      <div><${Stale} /><main id="main" tabindex="-1">${children}</main></div>
      <nav class="tabs-foot" aria-label="Pages, short">
        ${foot.map(([page, name]) => html`<${NavLink} key=${page} page=${page} name=${name} waiting=${waiting} />`)}
        <button onClick=${() => show(More)} aria-haspopup="dialog"><${Icon} name="more" />More</button>
      </nav>
    </div>`;
}

/** @param {Event} event */
function skip(event) {
  event.preventDefault();
  document.querySelector('main')?.focus();
}

export const mayAct = () => may('responder');
