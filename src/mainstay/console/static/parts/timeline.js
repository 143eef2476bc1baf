/** What happened, in order, and which version decided it. What began or ended together is one line that opens. */
import { duration, versionName } from '../js/format.js';
import { html } from '../js/html.js';
import { chapters, firstClause, fold, gist, headline, timeless } from '../js/story.js';
import { Icon } from './icons.js';
import { At, plain, Text, Version } from './words.js';

/** @typedef {import('../../types.d.ts').TimelineEntry} Entry */
/** @typedef {import('../../types.d.ts').Alert} Alert */

/** A suspect is named here; what speaks for it is the evidence. @param {Entry} entry */
const words = ({ kind, says }) => (kind === 'decision' ? firstClause(says) : kind === 'action' ? gist(says) : timeless(says));

/** @param {{entry: Entry}} props */
const One = ({ entry }) => html`<li class=${`kind-${entry.kind}`}>
    <span class="muted"><${At} ms=${entry.at_ms} seconds=${true} /></span><${Icon} name=${entry.kind} />
    <span><span class="visually-hidden">${entry.kind}: </span><${Text} value=${words(entry)} max=${180} more="all" /> <${Version} of=${entry.decided_by} /></span></li>`;

/** One row for each condition of a chapter. @param {{entries: Entry[], alerts: Alert[]}} props */
function Lines({ entries, alerts }) {
  const byRef = new Map(entries.map((e) => [e.ref, e]));
  const unknown = entries.filter((e) => !alerts.some((a) => a.id === e.ref));
  const rows = [...fold(alerts).map((row) => ({ says: byRef.get(row[0].id)?.says ?? row[0].name, n: row.length })), ...unknown.map((e) => ({ says: e.says, n: 1 }))];
  return html`<ul class="lines">${rows.slice(0, 60).map(({ says, n }) => html`<li><${Text} value=${timeless(says).replace(/^over: /, '')} max=${160} more="all" />${n > 1 && html` <span class="chip" title="statistics and label sets of the same metric">×${n}</span>`}</li>`)}${rows.length > 60 && html`<li class="muted">and ${rows.length - 60} more</li>`}</ul>`;
}

/** @param {{entries: Entry[], alerts: Map<string, Alert>}} props */
function Many({ entries, alerts }) {
  const known = entries.flatMap((e) => alerts.get(e.ref) ?? []);
  const first = entries[0], took = entries[entries.length - 1].at_ms - first.at_ms;
  const models = [...new Map(entries.map((e) => [e.decided_by && versionName(e.decided_by), e.decided_by])).values()].slice(0, 4);
  return html`<li class="kind-alert"><span class="muted"><${At} ms=${first.at_ms} seconds=${true} /></span><${Icon} name="alert" />
    <details><summary><span class="visually-hidden">alert: </span><bdi>${plain(headline(entries, known))}</bdi>${took >= 1000 && html` <span class="muted">within ${duration(took)}</span>`}</summary>
      <${Lines} entries=${entries} alerts=${known} /><p>${models.map((of) => html`<${Version} of=${of} /> `)}</p></details></li>`;
}

/** @param {{entries: Entry[], alerts: Alert[]}} props */
export function Timeline({ entries, alerts }) {
  const byId = new Map(alerts.map((a) => [a.id, a]));
  return html`<ol class="timeline">${chapters(entries).map((told) => (told.length > 1 ? html`<${Many} key=${told[0].ref} entries=${told} alerts=${byId} />` : html`<${One} entry=${told[0]} />`))}</ol>`;
}
