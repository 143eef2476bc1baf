/** What keeps pages from leaving: silences, maintenance, the suppression of symptoms; and every page that they held. */
import { may } from '../js/api.js';
import { count, plural } from '../js/format.js';
import { html } from '../js/html.js';
import { to } from '../js/router.js';
import { items, useData } from '../js/store.js';
import { Ask, note, show } from '../parts/dialog.js';
import { move, SilenceButton } from '../parts/withheld.js';
import { Ago, At, Empty, EntityLink, PageHead, plain, Shown, State, Text } from '../parts/words.js';

const STANDING = /** @type {Record<string, string>} */ ({ active: 'wait', pending: 'decision', expired: 'ok' });

/** @param {string} path @param {string} done */
async function end(path, done) {
  try {
    await move(`${path}/end`);
    note(done);
  } catch (error) {
    note(/** @type {Error} */ (error).message, 'bad');
  }
}

/** @param {{one: any, path: string}} props */
const EndButton = ({ one, path }) => (one.standing === 'expired' ? null : html`<button class="button small" disabled=${!may('responder')} onClick=${() => end(`/${path}/${encodeURIComponent(one.id)}`, 'Ended. What still burns is told now.')}>End</button>`);

/** What it is about, in the words of who made it. @param {{one: any}} props */
function About({ one }) {
  if (one.matchers) return html`<span class="mono small"><${Text} value=${one.matchers.join(' and ')} max=${200} /></span>`;
  const weekly = one.weekly && `every ${one.weekly.days.join(', ')} at ${one.weekly.at} ${one.weekly.zone ?? ''}`;
  return html`<span class="names">${one.entities.slice(0, 8).map((/** @type {string} */ id) => html`<${EntityLink} id=${id} /> `)}</span>${one.entities.length > 8 && ` and ${one.entities.length - 8} more`}${one.with_dependents && html` <span class="chip">and who depends on it</span>`}${weekly && html`<div class="small muted">${plain(weekly)}</div>`}`;
}

/** @param {{one: any, path: string}} props */
const Row = ({ one, path }) => html`<tr data-row tabindex="-1"><td><${About} one=${one} />${one.comment && html`<div class="small muted"><${Text} value=${one.comment} max=${200} /></div>`}</td>
  <td><${State} is=${one.standing === 'active' ? 'warn' : ''} icon=${STANDING[one.standing]} word=${one.ended_by ? `ended by ${plain(one.ended_by).slice(0, 40)}` : one.standing} /></td>
  <td class="nowrap" data-label="until"><${At} ms=${one.ends_ms} /> <span class="muted small"><${Ago} ms=${one.ends_ms} /></span></td><td data-label="by"><${Text} value=${one.by} max=${40} /></td><td><${EndButton} one=${one} path=${path} /></td></tr>`;

/** @param {{rows: any[], path: string}} props */
const Table = ({ rows, path }) => html`<div class="table-scroll"><table class="stack"><thead><tr><th>About</th><th>State</th><th>Until</th><th>By</th><th><span class="visually-hidden">What one can do</span></th></tr></thead><tbody>${rows.map((one) => html`<${Row} key=${one.id} one=${one} path=${path} />`)}</tbody></table></div>`;

/** @param {{team: string, to: string}} props */
function Switch({ team, to: mode }) {
  const act = (/** @type {FormData} */ form) => move(`/suppressions/${encodeURIComponent(team)}/${mode}`, { why: String(form.get('why')).trim() });
  const says = mode === 'on' ? 'From now on a page waits while another incident that people know of explains every alert of it.' : 'From now on no page waits for this. What is held leaves at once.';
  return html`<${Ask} title=${`Switch the suppression of ${plain(team).slice(0, 40)} ${mode}`} submit=${`Switch ${mode}`} done=${`Suppression is ${mode}.`} act=${act}>
    <p>${says}</p><div class="field"><label for="why">Why <span class="muted">(optional)</span></label><input type="text" id="why" name="why" maxlength="500" autocomplete="off" autofocus /></div><//>`;
}

/** @param {{one: any}} props */
function Suppression({ one }) {
  const other = one.mode === 'on' ? 'off' : 'on';
  return html`<tr data-row tabindex="-1"><td class="strong"><${Text} value=${one.team} max=${60} /></td><td><${State} is=${one.mode === 'on' ? 'ok' : ''} icon=${one.mode === 'on' ? 'ok' : 'wait'} word=${one.mode} /></td>
    <td><${Text} value=${one.says} max=${300} /></td><td><button class="button small" disabled=${!may('responder')} onClick=${() => show(() => html`<${Switch} team=${one.team} to=${other} />`)}>Switch ${other}…</button></td></tr>`;
}

/** @param {{row: any}} props */
const HeldPage = ({ row: { page, missed } }) => html`<tr data-row tabindex="-1"><td><a class="open" href=${to('incidents', page.incident)}>${plain(page.incident).slice(0, 40)}</a><div class="small muted"><${Text} value=${page.says} max=${200} /></div></td>
  <td>${missed ? html`<${State} is="bad" word="was needed" /> <span class="small"><${Text} value=${missed.says ?? missed} max=${120} /></span>` : html`<${State} is="" icon="wait" word=${page.status} />`}</td><td data-label="by">${page.by}</td><td class="nowrap"><${Ago} ms=${page.at_ms} /></td></tr>`;

/** In force first, then what comes; what is over a row further down. @param {any[]} rows */
const standing = (rows) => rows.filter((one) => one.standing !== 'expired');

/** @param {{rows: any[], path: string}} props */
function Over({ rows, path }) {
  const over = rows.filter((one) => one.standing === 'expired');
  return over.length ? html`<details class="section-tools"><summary>${count(over.length)} that are over</summary><${Table} rows=${over} path=${path} /></details>` : null;
}

export function Silences() {
  const silences = useData('/silences'), windows = items(useData('/maintenance').data);
  const teams = items(useData('/suppressions').data), held = items(useData('/withheld').data);
  return html`<${Shown} held=${silences} what="silences">${(/** @type {any} */ data) => {
    const all = items(data), quiet = standing(all), work = standing(windows);
    const on = teams.filter((one) => one.mode === 'on').length;
    return html`<p><a href=${to('alerts')}>Alerts</a></p><${PageHead} title="Silences" sentence=${html`<b>${plural(quiet.length, 'silence')}</b>, <b>${plural(work.length, 'maintenance window')}</b>; suppression of symptoms is on for <b>${on} of ${plural(teams.length, 'team')}</b>. Alerts are recorded as ever; only their pages wait.`}><${SilenceButton} matchers=${[]} word="Add a silence…" /><//>
      ${quiet.length ? html`<${Table} rows=${quiet} path="silences" />` : html`<div class="panel"><${Empty} title="Nothing is silenced"><p>Press <b>Silence…</b> on an alert or an incident: its matchers are filled in. <code>amtool silence add</code> works too.</p><//></div>`}<${Over} rows=${all} path="silences" />
      <section class="section"><h2>Maintenance · ${work.length}</h2>${work.length ? html`<${Table} rows=${work} path="maintenance" />` : html`<p class="muted">No window stands. Announce one: <code>mainstay maintenance add service:prod/cart --for 1h</code></p>`}<${Over} rows=${windows} path="maintenance" /></section>
      <section class="section"><h2>Suppression of symptoms</h2>${teams.length ? html`<div class="table-scroll"><table class="stack"><thead><tr><th>Team</th><th>Is</th><th>Fourteen days</th><th><span class="visually-hidden">What one can do</span></th></tr></thead><tbody>${teams.map((one) => html`<${Suppression} key=${one.team} one=${one} />`)}</tbody></table></div>` : html`<p class="muted">No symptom was seen yet. What would have been held is counted here before a team switches it on.</p>`}</section>
      <section class="section"><h2>Pages that were held · ${held.length}</h2>${held.length ? html`<div class="table-scroll"><table class="stack"><thead><tr><th>Incident</th><th>Came of it</th><th>By</th><th>When</th></tr></thead><tbody>${held.map((row) => html`<${HeldPage} key=${row.page.id} row=${row} />`)}</tbody></table></div>` : html`<p class="muted">None.</p>`}</section>`;
  }}<//>`;
}
