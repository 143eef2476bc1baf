/** Alerts: what the page budget promises and keeps, what it held back and missed, what was learned; one alert in words. */
import { may, send } from '../js/api.js';
import { absolute, count, plural, value } from '../js/format.js';
import { html } from '../js/html.js';
import { to } from '../js/router.js';
import { items, refresh, useData } from '../js/store.js';
import { note } from '../parts/dialog.js';
import { Held as Withheld, ofAlert, SilenceButton } from '../parts/withheld.js';
import { Ago, At, EntityLink, PageHead, Shown, State, Text, Version } from '../parts/words.js';
import { AlertTable } from './services.js';

/** @typedef {import('../../types.d.ts').Alert} Alert */
/** @typedef {import('../../types.d.ts').LearnedBar} LearnedBar */

/** Ask for something that takes effect a moment later. @param {string} path @param {unknown} body @param {string} done */
async function tell(path, body, done) {
  try {
    await send('POST', path, body);
    note(done);
    window.setTimeout(() => refresh((p) => /^\/(alerts|budget)/.test(p)), 700);
  } catch (error) {
    note(/** @type {Error} */ (error).message, 'bad');
  }
}

/** @param {{bar: LearnedBar}} props */
const Undo = ({ bar }) => html`<button class="button small" disabled=${!may('responder')} onClick=${() => tell(`/budget/learned/${encodeURIComponent(bar.id)}/undo`, {}, 'Undone: it is told again as before.')}>Undo</button>`;

/** @param {{team: any}} props */
function Team({ team }) {
  const { stands, observed } = team;
  return html`<tr><td class="strong"><${Text} value=${team.team} max=${60} /></td><td data-label="promised">at most ${value(stands.promised)} a week</td>
    <td data-label="observed">${observed.weeks < 1 / 7 ? html`<span class="muted">too early: less than a day</span>` : html`${value(observed.per_week)} a week <span class="muted small">[${value(observed.low)}–${observed.high < 0 ? '∞' : value(observed.high)}] in ${value(observed.weeks)} weeks</span>`}</td>
    <td data-label="judged">${count(observed.wrong)} false, ${count(observed.right)} right, ${count(observed.unlabelled)} unlabelled</td>
    <td data-label="not limited">${count(observed.always)} critical, ${count(observed.rules)} by your rules</td>
    <td data-label="places">${stands.used} of ${stands.places} taken${stands.trust < 1 ? html` <span class="chip" title="more rare pages were false than their chances allow">trust ${value(stands.trust)}</span>` : ''}</td></tr>`;
}

/** @param {{row: any}} props */
const Held = ({ row }) => html`<tr data-row tabindex="-1"><td><a class="open strong" href=${to('alerts', row.alert.id)}><${Text} value=${row.alert.name} max=${120} expand=${false} /></a><div class="small muted"><${Text} value=${row.alert.suppressed_why} max=${200} /></div></td>
  <td>${row.missed ? html`<${State} is="bad" word="missed" /> <span class="small"><${Text} value=${row.missed.says} max=${120} /></span>` : html`<${State} is=${row.alert.status === 'firing' ? row.alert.severity : 'resolved'} word=${row.alert.status} />`}</td>
  <td><${EntityLink} id=${row.alert.entity} /></td><td class="nowrap"><${Ago} ms=${row.alert.since_ms} /></td><td><${Version} of=${row.alert.decided_by} /></td></tr>`;

/** @param {{page: any}} props */
function Budget({ page }) {
  return html`<section class="section"><h2>Page budget</h2><div class="table-scroll"><table class="stack"><thead><tr><th>Team</th><th>Promised false pages</th><th>Observed</th><th>What people said</th><th>Not limited</th><th>Places</th></tr></thead><tbody>${page.teams.map((/** @type {any} */ team) => html`<${Team} key=${team.team} team=${team} />`)}</tbody></table></div></section>
    ${page.learned.length > 0 && html`<section class="section"><h2>Learned: not an anomaly · ${page.learned.length}</h2><ul class="lines">${page.learned.map((/** @type {any} */ one) => html`<li key=${one.bar.id}><${EntityLink} id=${one.bar.entity} /> <${Text} value=${one.bar.name} max=${80} />: <${Text} value=${one.says} max=${200} />, <${Ago} ms=${one.bar.at_ms} /> <${Undo} bar=${one.bar} /></li>`)}</ul></section>`}
    ${page.floors.length > 0 && html`<section class="section"><h2>Floors</h2><ul class="lines">${page.floors.map((/** @type {any} */ f) => html`<li><${Text} value=${`${f.metric} below ${f.below} ${f.unit} ${[f.service, f.team, f.environment].filter(Boolean).join(', ')}`} max=${160} /></li>`)}</ul></section>`}
    ${(page.waiting > 0 || page.lost > 0) && html`<p class="sentence">A storm: ${plural(page.waiting, 'new alert waits', 'new alerts wait')}${page.lost > 0 ? `, ${count(page.lost)} did not fit and are lost` : ''}.</p>`}
    <section class="section"><h2>Not paged · ${page.held_count}</h2>${page.held.length ? html`<div class="table-scroll"><table class="stack"><thead><tr><th>Alert</th><th>State</th><th>Where</th><th>Since</th><th>Decided by</th></tr></thead><tbody>${page.held.map((/** @type {any} */ row) => html`<${Held} key=${row.alert.id} row=${row} />`)}</tbody></table></div>` : html`<p class="muted">Nothing was held back.</p>`}</section>`;
}

/** What was held back, and why: suppression must never be silent. */
export function Alerts() {
  const held = useData('/budget'), told = useData('/alerts?suppressed=false&limit=500');
  return html`<${Shown} held=${held} what="alerts">${(/** @type {any} */ page) => html`<${PageHead} title="Alerts" sentence=${html`<b>${plural(page.held_count, 'alert was', 'alerts were')} held back</b> since <${At} ms=${page.since_ms} />, and <b>${page.missed_count ? `${page.missed_count} of them should have told you` : 'none of them is known as a miss'}</b>. Each says why.${page.is_cut ? ' There was more than is looked through: what was observed and missed is at least this.' : ''}`}><a class="button" href=${to('silences')}>Silences</a><//>
    <${Budget} page=${page} /><section class="section"><h2>Part of an incident, or free to page</h2><${AlertTable} alerts=${/** @type {Alert[]} */ (items(told.data))} /></section>`}<//>`;
}

/** @param {{id: string}} props */
export function AlertPage({ id }) {
  const held = useData(`/alerts/${encodeURIComponent(id)}`);
  return html`<p><a href=${to('alerts')}>Alerts</a></p><${Shown} held=${held} what="alert">${(/** @type {any} */ a) => {
    const words = /** @type {import('../../types.d.ts').Explanation} */ (a.explanation);
    const verdict = (/** @type {string} */ kind, /** @type {string} */ done) => html`<button class="button small" disabled=${!may('responder')} data-verdict=${kind} onClick=${() => tell('/verdicts', { kind, subject: a.id }, done)}>${kind === 'anomaly' ? 'Right' : 'Not an anomaly'}</button>`;
    return html`<${PageHead} title=${html`<${Text} value=${a.name} max=${120} />`} sentence=${html`<${State} is=${a.status === 'firing' ? a.severity : 'resolved'} word=${`${a.severity}, ${a.status}`} /> on <${EntityLink} id=${a.entity} />: <${Text} value=${a.summary} max=${300} />`}><${SilenceButton} matchers=${ofAlert(a)} /><//><${Withheld} mark=${a.withheld} />
      <div class="panel"><div class="body"><dl class="facts"><dt>Expected</dt><dd><${Text} value=${words.expected || 'no band: it is counted, not measured'} /></dd><dt>Came</dt><dd><${Text} value=${words.came} /></dd>
      <dt>Since</dt><dd title=${absolute(a.since_ms)}><${At} ms=${a.since_ms} seconds=${true} />, <${Ago} ms=${a.since_ms} /></dd><dt>How rare</dt><dd><${Text} value=${words.rarity} /></dd><dt>Channel</dt><dd><${Text} value=${words.channel} /></dd><dt>Decided by</dt><dd><${Version} of=${a.decided_by} /></dd>
      ${a.priority && html`<dt>Priority</dt><dd><b>${a.priority}</b>${a.priority_why?.length > 0 && html` <span class="muted"><${Text} value=${a.priority_why.join('; ')} max=${300} /></span>`}</dd>`}${a.owner && html`<dt>Owner</dt><dd><${Text} value=${a.owner} max=${60} /></dd>`}${words.held_back && html`<dt>Not paged</dt><dd><${Text} value=${words.held_back} max=${400} /></dd>`}${words.learned && html`<dt>Learned</dt><dd><${Text} value=${words.learned_says} /> <${Undo} bar=${words.learned} /></dd>`}
      <dt>Is it wrong?</dt><dd>${a.source === 'detector' ? html`<span class="buttons">${verdict('not-anomaly', 'Recorded: the same condition must be stronger to be told again.')}${verdict('anomaly', 'Recorded: it was right.')}</span>` : words.if_wrong}</dd></dl></div></div>
      <p><a href=${to('ledger')}>All of it is in the ledger.</a></p>`;
  }}<//>`;
}
