/** The list: what is broken now, and what was; or, when nothing is, what is being watched and since when. */
import { signal } from '@preact/signals';
import { useEffect, useMemo, useState } from 'preact/hooks';
import { get, may } from '../js/api.js';
import { absolute, count, duration, entityName, percent, plural } from '../js/format.js';
import { html } from '../js/html.js';
import { useKeys } from '../js/keys.js';
import { now } from '../js/live.js';
import { to } from '../js/router.js';
import { items, useData } from '../js/store.js';
import { firstClause } from '../js/story.js';
import { show } from '../parts/dialog.js';
import { LongList } from '../parts/list.js';
import { Missed } from '../parts/verdict.js';
import { Ago, At, Empty, PageHead, Shown, State, Text } from '../parts/words.js';

/** @typedef {import('../../types.d.ts').IncidentLine} Incident */

/** Older incidents, fetched as one scrolls. @type {import('@preact/signals').Signal<{rows: Incident[], done: boolean}>} */
const older = signal({ rows: [], done: false });
let fetching = false;
/** The first page is fetched anew with every event, so it is short; older ones come once, as one scrolls. */
const FIRST = 100, NEXT = 500;

/** @param {Incident[]} known */
async function more(known) {
  const last = older.value.rows.at(-1) ?? known.at(-1);
  if (fetching || older.value.done || !last || known.length < FIRST) return;
  fetching = true;
  try {
    const page = items(await get(`/incidents?limit=${NEXT}&before=${encodeURIComponent(last.id)}`));
    older.value = { rows: [...older.value.rows, ...page], done: page.length < NEXT };
  } catch { /* the next scroll asks again */ }
  fetching = false;
}

const search = signal('');
/** What the server is asked for, once typing has paused: it searches all incidents, and all that they say. */
const asked = signal('');
let pause = 0;

/** @param {string} words */
function typed(words) {
  search.value = words;
  clearTimeout(pause);
  pause = setTimeout(() => { asked.value = search.value.trim().toLowerCase(); }, 250);
}

const narrow = matchMedia('(max-width: 860px)');

function useNarrow() {
  const [is, set] = useState(narrow.matches);
  useEffect(() => {
    const changed = () => set(narrow.matches);
    narrow.addEventListener('change', changed);
    return () => narrow.removeEventListener('change', changed);
  }, []);
  return is;
}

/** @param {{risk: import('../../types.d.ts').Risk | null}} props */
export function RiskBar({ risk }) {
  if (!risk) return html`<span class="risk muted">–</span>`;
  const parts = risk.parts.map((part) => html`<i style=${{ width: `${Math.max(0, Math.min(100, part.points))}%` }}></i>`);
  return html`<span class="risk" title=${`risk ${risk.score} = ${risk.parts.map((p) => `${p.points} ${p.name}`).join(' + ')}`}><span><span class="muted small">risk</span> ${risk.score}</span><span class="risk-bar" aria-hidden="true">${parts}</span></span>`;
}

/** @param {Incident} incident */
function why(incident) {
  const suspect = incident.suspects[0];
  if (!suspect) return incident.critical_failure || 'no suspect yet';
  return `${entityName(suspect.entity)}: ${firstClause(suspect.says) || suspect.cause} (${percent(suspect.probability)})`;
}

/** What is being done about it. @param {Incident} incident @param {boolean} waits */
function doing(incident, waits) {
  if (waits) return html`<${State} is="proposed" word="plan waiting" />`;
  return html`<${State} is="" icon=${incident.status === 'open' ? 'minor' : 'wait'} word=${incident.status} />`;
}

/** @param {{incident: Incident, waits: boolean}} props */
const OpenRow = ({ incident, waits }) => html`<a class="incident-row" href=${to('incidents', incident.id)}>
    <span class="sev"><${State} is=${incident.severity} /></span>
    <span class="what"><div class="title"><${Text} value=${incident.title} max=${160} expand=${false} /></div><div class="why"><${Text} value=${why(incident)} max=${200} expand=${false} /></div></span>
    <${RiskBar} risk=${incident.risk} />
    <span class="services">${plural(incident.entities.length, 'service')}</span>
    <span class="doing">${doing(incident, waits)}</span>
    <span class="when"><${Ago} ms=${incident.since_ms} /></span></a>`;

/** What is over takes one quiet line. @param {{incident: Incident}} props */
const PastRow = ({ incident }) => html`<a class="incident-row past" href=${to('incidents', incident.id)}>
    <span class="sev"><${State} is="" icon=${incident.severity} word=${incident.severity} /></span>
    <span class="what"><span class="title"><${Text} value=${incident.title} max=${160} expand=${false} /></span> <span class="why"><${Text} value=${why(incident)} max=${200} expand=${false} /></span></span>
    <span class="doing"><${State} is="" icon=${incident.status === 'merged' ? 'decision' : 'ok'} word=${incident.status} /></span>
    <span class="when"><${Ago} ms=${incident.resolved_ms ?? incident.updated_ms} /></span></a>`;

/** @param {Incident} incident @param {string} query */
const matches = (incident, query) => [incident.id, incident.title, incident.status, incident.severity, ...incident.entities, ...incident.suspects.map((s) => s.cause)].join(' ').toLowerCase().includes(query);

/** Open ones by risk, then the rest by time; each once. @param {Incident[]} all @param {string} query @param {Incident[]} found */
function sorted(all, query, found) {
  const hits = new Set(found.map((incident) => incident.id));
  const byId = new Map([...all, ...found].map((incident) => [incident.id, incident]));
  const kept = [...byId.values()].filter((incident) => !query || hits.has(incident.id) || matches(incident, query));
  const isOpen = (/** @type {Incident} */ i) => i.status === 'open' || i.status === 'acknowledged';
  const open = kept.filter(isOpen).sort((a, b) => (b.risk?.score ?? 0) - (a.risk?.score ?? 0) || b.since_ms - a.since_ms);
  return { open, past: kept.filter((i) => !isOpen(i)).sort((a, b) => b.opened_ms - a.opened_ms) };
}

/** @param {number} ms */
const span = (ms) => (Math.abs(ms - 86_400_000) < 600_000 ? 'the last 24 h' : `the last ${duration(ms)}`);

/** @param {{status: import('../../types.d.ts').Status}} props */
function Funnel({ status }) {
  const f = status.funnel;
  const arrow = html`<span class="arrow" aria-hidden="true">→</span>`;
  return html`<p class="funnel"><b>${count(f.signals)}</b> signals ${arrow} <b>${count(f.anomalies)}</b> anomalies ${arrow} <b>${count(f.alerts)}</b> alerts ${arrow} <b>${count(f.incidents)}</b> ${f.incidents === 1 ? 'incident' : 'incidents'}
    <span>(<a href=${to('alerts')}>${count(f.not_paged)} not paged</a>)</span><span class="small" title=${`since ${absolute(f.since_ms)}`}>in ${span(status.now_ms - f.since_ms)}</span></p>`;
}

/** @param {{status: import('../../types.d.ts').Status, open: number}} props */
function Watching({ status, open }) {
  const w = status.watching;
  const trouble = status.stages.filter((stage) => !stage.is_ok);
  return html`Watching <b>${count(w.series)}</b> series of <b>${plural(w.services, 'service')}</b>; <b>${open ? plural(open, 'open incident') : 'nothing open'}</b>.${' '}
    ${!status.is_ready && html`<${State} is="warn" word=${`not ready: ${status.not_ready_why}`} /> `}${trouble.map((stage) => html`<${State} is="warn" word=${`${stage.name}: ${stage.says || 'has a problem'}`} /> `)}`;
}

/** @param {{status: import('../../types.d.ts').Status}} props */
function Calm({ status }) {
  const w = status.watching;
  if (!w.series && !w.services) {
    return html`<${Empty} title="Nothing is being watched yet"><p>No sender has spoken so far. Run <code>mainstay connect otel</code>, <code>prometheus</code> or <code>alertmanager</code>: it prints what to paste, waits, and says what arrived.</p><//>`;
  }
  return html`<${Empty} title="Nothing is broken that we know of"><p>${count(w.series)} series of ${plural(w.services, 'service')} and ${plural(w.entities, 'entity', 'entities')} in all have been watched since <${At} ms=${w.since_ms} /> (<${Ago} ms=${w.since_ms} />). If something is broken that is not here, tell us what we missed: only so do the models learn of it.</p><//>`;
}

/** @param {{open: Incident[], past: Incident[], waiting: Set<string>, calm: any, end: () => void}} props */
function Rows({ open, past, waiting, calm, end }) {
  const isNarrow = useNarrow();
  const rows = useMemo(() => {
    const head = (/** @type {string} */ name) => ({ key: `head ${name}`, height: 40, head: true, draw: () => html`<div class="list-head"><h2>${name}</h2></div>` });
    const one = (/** @type {Incident} */ i) => ({ key: i.id, height: isNarrow ? 96 : 64, draw: () => html`<${OpenRow} incident=${i} waits=${waiting.has(i.id)} />` });
    const done = (/** @type {Incident} */ i) => ({ key: i.id, height: isNarrow ? 64 : 44, draw: () => html`<${PastRow} incident=${i} />` });
    const list = [];
    if (open.length) list.push(head(`open · ${count(open.length)}`), ...open.map(one));
    if (past.length) list.push(head('over'), ...past.map(done));
    return list;
  }, [open, past, waiting, isNarrow]);
  return html`<div class="watch">${!open.length && calm}<${LongList} name="incidents" label="Incidents" rows=${rows} end=${end} /></div>`;
}

const missed = () => show(() => html`<${Missed} />`);

export function Incidents() {
  useKeys(() => (may('responder') ? { '.': missed } : /** @type {Record<string, () => void>} */ ({})), []);
  const status = useData('/status'), first = useData(`/incidents?limit=${FIRST}`);
  const open = useData('/incidents?status=open&limit=1000'), taken = useData('/incidents?status=acknowledged&limit=1000');
  const approvals = useData('/approvals');
  const query = search.value.trim().toLowerCase();
  const hits = useData(query && asked.value === query ? `/incidents?limit=${FIRST}&q=${encodeURIComponent(query.slice(0, 200))}` : null);
  const parts = useMemo(() => sorted([...older.value.rows, ...items(first.data), ...items(open.data), ...items(taken.data)], query, items(hits.data)), [older.value, first.data, open.data, taken.data, hits.data, query]);
  const waiting = useMemo(() => new Set(items(approvals.data).map((plan) => plan.incident)), [approvals.data]);
  now.value;
  const calm = query ? html`<${Empty} title="No incident matches"><p>Searched everything that incidents say: titles, services, causes, their timelines and people.</p><//>` : status.data && html`<${Calm} status=${status.data} />`;
  return html`<${PageHead} title="Incidents" sentence=${status.data && html`<${Watching} status=${status.data} open=${parts.open.length} />`}>
      ${may('responder') && html`<button class="button quiet" onClick=${missed}>You missed one… <kbd>.</kbd></button>`}
      <label class="search"><span class="visually-hidden">Search incidents</span><input type="search" placeholder="Search  /" value=${search.value} onInput=${(/** @type {any} */ e) => { typed(e.currentTarget.value); }} /></label>
    <//>
    ${status.data && html`<${Funnel} status=${status.data} />`}
    <${Shown} held=${first} what="incidents">${() => html`<${Rows} ...${parts} waiting=${waiting} calm=${calm} end=${() => more(items(first.data))} />`}<//>`;
}
