/** The ledger: every decision in its place in the chain; anybody can check the chain and take a decision again. */
import { signal } from '@preact/signals';
import { useState } from 'preact/hooks';
import { send } from '../js/api.js';
import { count, plural } from '../js/format.js';
import { html } from '../js/html.js';
import { to } from '../js/router.js';
import { items, useData } from '../js/store.js';
import { Ago, At, Empty, Failure, PageHead, plain, Shown, State, Text, Version } from '../parts/words.js';

/** @typedef {import('../../types.d.ts').LedgerEntry} LedgerEntry */

/** The last check of the chain, kept while one walks about. @type {import('@preact/signals').Signal<{at: number, answer: any} | null>} */
const checked = signal(null);

function Verify() {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState(/** @type {Error | null} */ (null));
  const run = async () => {
    setBusy(true);
    setError(null);
    try {
      checked.value = { at: Date.now(), answer: await send('POST', '/ledger/verify') };
    } catch (failure) {
      setError(/** @type {Error} */ (failure));
    }
    setBusy(false);
  };
  const said = checked.value;
  return html`<div class="buttons">${said && (said.answer.first_bad === null ? html`<${State} is="ok" word=${`unbroken: ${plural(said.answer.count, 'entry', 'entries')}`} />` : html`<${State} is="bad" word=${`broken at ${plain(String(said.answer.first_bad))}: ${plain(String(said.answer.why)).slice(0, 200)}`} />`)}
    ${said && html`<span class="muted">checked <${Ago} ms=${said.at} /></span>`}
    <button class="button" onClick=${run} disabled=${busy}>${busy ? 'Checking every hash…' : 'Verify the chain'}</button></div>${error && html`<${Failure} error=${error} />`}`;
}

/** @param {{entry: LedgerEntry}} props */
const Row = ({ entry }) => html`<tr data-row tabindex="-1"><td class="num muted">${count(entry.seq)}</td><td><a class="open" href=${to('ledger', entry.id)}>${entry.kind}</a></td><td data-label="about"><${Text} value=${entry.subject} max=${80} expand=${false} /></td><td data-label="by" class="mono"><${Text} value=${entry.actor} max=${60} expand=${false} /></td><td class="nowrap"><${Ago} ms=${entry.at_ms} /></td><td data-label="hash"><code title=${entry.hash}>${entry.hash.slice(0, 12)}</code></td></tr>`;

const query = signal('');

export function Ledger() {
  const held = useData('/ledger?limit=300');
  return html`<${Shown} held=${held} what="the ledger">${(/** @type {any} */ data) => {
    const all = /** @type {LedgerEntry[]} */ (items(data)), word = query.value.trim().toLowerCase();
    const rows = word ? all.filter((e) => `${e.kind} ${e.subject} ${e.actor} ${e.id}`.toLowerCase().includes(word)) : all;
    const head = all.reduce((/** @type {LedgerEntry | null} */ a, b) => (a && a.seq > b.seq ? a : b), null);
    return html`<${PageHead} title="Ledger" sentence=${head ? html`<b>${plural(head.seq, 'entry', 'entries')}</b> in one chain of hashes; the last is <code title=${head.hash}>${head.hash.slice(0, 12)}</code>, <${Ago} ms=${head.at_ms} />.` : 'The ledger is empty.'}>
        <label class="search"><span class="visually-hidden">Search the ledger</span><input type="search" placeholder="Search the last 300  /" value=${query.value} onInput=${(/** @type {any} */ e) => { query.value = e.currentTarget.value; }} /></label><//>
      <div class="section-tools"><${Verify} /></div>
      ${rows.length ? html`<div class="table-scroll"><table class="stack"><thead><tr><th class="num">Seq</th><th>Kind</th><th>About</th><th>By</th><th>When</th><th>Hash</th></tr></thead><tbody>${rows.map((e) => html`<${Row} key=${e.id} entry=${e} />`)}</tbody></table></div>` : html`<div class="panel"><${Empty} title="No entry matches" /></div>`}`;
  }}<//>`;
}

/** @param {{id: string}} props */
function Reperform({ id }) {
  const [said, setSaid] = useState(/** @type {import('../../types.d.ts').Reperformed | null} */ (null));
  const [error, setError] = useState(/** @type {Error | null} */ (null));
  const run = async () => {
    try {
      setError(null);
      setSaid(await send('POST', `/ledger/${encodeURIComponent(id)}/reperform`));
    } catch (failure) {
      setError(/** @type {Error} */ (failure));
    }
  };
  return html`<div class="buttons"><button class="button" onClick=${run}>Decide again from these inputs</button>
    ${said && html`<${State} is=${said.is_same ? 'ok' : 'bad'} word=${said.is_same ? 'the same decision' : 'a different decision'} /> <${Version} of=${said.decided_by} /> <span class="muted"><${Text} value=${said.says} /></span>`}</div>
    ${said && !said.is_same && html`<pre class="json">${json(said.output)}</pre>`}${error && html`<${Failure} error=${error} />`}`;
}

/** @param {unknown} value */
const json = (value) => plain(JSON.stringify(value, null, 2) ?? '').slice(0, 100_000);

/** @param {{id: string}} props */
export function EntryPage({ id }) {
  const held = useData(`/ledger/${encodeURIComponent(id)}`);
  return html`<p><a href=${to('ledger')}>Ledger</a></p><${Shown} held=${held} what="entry">${(/** @type {any} */ data) => {
    const entry = /** @type {LedgerEntry} */ (data);
    const inputs = data.inputs ?? null;
    return html`<${PageHead} title=${html`${entry.kind} <span class="muted"><${Text} value=${entry.subject} max=${120} /></span>`} sentence=${html`Decided by <b><${Text} value=${entry.actor} max=${60} /></b> at <${At} ms=${entry.at_ms} seconds=${true} />, entry ${count(entry.seq)} of the chain.`} />
      <section class="panel"><div class="body"><dl class="facts"><dt>Id</dt><dd class="mono"><${Text} value=${entry.id} /></dd><dt>Rests on</dt><dd class="mono">${entry.rests_on.map((ref) => html`<${Rest} name=${ref} /> `)}${entry.rests_on.length === 0 && '–'}</dd>
        <dt>Hash</dt><dd class="digest">${entry.hash}</dd><dt>Previous</dt><dd class="digest">${entry.previous || '– (the first)'}</dd></dl></div></section>
      <section class="section"><h2>Decided</h2><pre class="json" tabindex="0">${json(entry.output)}</pre></section>
      <section class="section"><h2>From these inputs</h2>${inputs ? html`<pre class="json" tabindex="0">${json(inputs)}</pre><div class="section-tools"><${Reperform} id=${id} /></div>` : html`<p class="muted">Nothing to repeat: no model decided this.</p>`}</section>`;
  }}<//>`;
}

/** What an entry rests on: another entry, or a version. @param {{name: string}} props */
function Rest({ name }) {
  const version = /^([\w-]+)@(\d+)$/.exec(name);
  return version ? html`<a href=${to('models', version[1])}>${name}</a>` : html`<a href=${to('ledger', name)}><${Text} value=${name} max=${80} expand=${false} /></a>`;
}
