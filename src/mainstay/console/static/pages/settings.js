/** Who one is, who else may come in, what the platform says of itself. */
import { may, me, send } from '../js/api.js';
import { bytes, count } from '../js/format.js';
import { html } from '../js/html.js';
import { disconnect } from '../js/live.js';
import { to } from '../js/router.js';
import { forget, items, useData } from '../js/store.js';
import { note } from '../parts/dialog.js';
import { Ago, PageHead, Shown, State, Text } from '../parts/words.js';

async function signOut() {
  try {
    await send('DELETE', '/session');
  } catch (error) {
    note(/** @type {Error} */ (error).message, 'bad');
    return;
  }
  disconnect();
  forget();
  me.value = null;
}

function Users() {
  const held = useData('/users');
  return html`<section class="section"><h2>People</h2><${Shown} held=${held} what="users">${(/** @type {any} */ data) => html`<div class="table-scroll"><table><thead><tr><th>Name</th><th>Role</th><th>Since</th></tr></thead>
    <tbody>${items(data).map((user) => html`<tr key=${user.name}><td><${Text} value=${user.name} max=${60} /></td><td>${user.role}${user.disabled && html` <span class="chip">disabled</span>`}</td><td><${Ago} ms=${user.created_ms} /></td></tr>`)}</tbody></table></div>`}<//>
    <p class="small muted section-tools">Add people with <code>mainstay users add NAME --role responder</code>; it prints their token once.</p></section>`;
}

function Platform() {
  const held = useData('/status');
  return html`<section class="section"><h2>The platform</h2><${Shown} held=${held} what="status">${(/** @type {any} */ s) => html`<div class="panel"><div class="body"><dl class="facts">
    <dt>Version</dt><dd>${s.version}, up since <${Ago} ms=${s.started_ms} /></dd><dt>Disk</dt><dd>${bytes(s.disk_bytes)}</dd><dt>Refused</dt><dd>${count(s.refused)} items; ${count(s.unplaced)} unplaced</dd>
    ${s.stages.map((/** @type {any} */ stage) => html`<dt>${stage.name}</dt><dd><${State} is=${stage.is_ok ? 'ok' : 'bad'} word=${stage.is_ok ? 'runs' : 'has a problem'} /> <span class="muted">${stage.lag_s.toFixed(1)} s behind${stage.errors ? `, ${stage.errors} errors` : ''}</span> <${Text} value=${stage.says} /></dd>`)}
    ${s.sources.map((/** @type {any} */ source) => html`<dt><${Text} value=${source.source} max=${60} /></dt><dd>${count(source.records)} items in ${count(source.requests)} requests, ${count(source.refused)} refused; last <${Ago} ms=${source.last_ms} /></dd>`)}</dl></div></div>`}<//></section>`;
}

export function Settings() {
  return html`<${PageHead} title="Settings" sentence=${html`You are <b><${Text} value=${me.value?.name} max=${60} /></b>, with the role <b>${me.value?.role}</b>. What may page, and what was learned: <a href=${to('alerts')}>page budget</a>.`}><button class="button" onClick=${signOut}>Sign out</button><//>
    <${Platform} />${may('admin') && html`<${Users} />`}`;
}
