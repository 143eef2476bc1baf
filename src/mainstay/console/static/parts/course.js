/** The course of an incident: what happened in order and which version decided it; how it ended; what was like it before. */
import { duration, plural, versionName } from '../js/format.js';
import { html } from '../js/html.js';
import { to } from '../js/router.js';
import { calmSince, chapters, firstClause, fold, gist, headline, shortNames, timeless } from '../js/story.js';
import { At, Confidence, Icon, plain, State, Text, Version } from './words.js';

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

/** @typedef {import('../../types.d.ts').Incident} Incident */
/** @typedef {import('../../types.d.ts').Plan} Plan */
/** @typedef {import('../../types.d.ts').Approval} Approval */
/** @typedef {{incident: Incident, alerts: Alert[], plan: Plan | undefined, approvals: Approval[]}} Facts */

/** @param {{plan: Plan, approvals: Approval[]}} props */
function Did({ plan, approvals }) {
  const yes = approvals.find((a) => a.plan === plan.id && a.decision === 'approved');
  return html`<span class="strong"><${Text} value=${plan.title} max=${120} expand=${false} /></span> ${plan.status}${yes && html`, approved by <${Text} value=${yes.by} max=${60} expand=${false} /> at <${At} ms=${yes.at_ms} seconds=${true} />`}`;
}

/** Why it was closed, when no plan did it: the line that closed it. @param {Incident} incident */
const closing = (incident) => [...incident.timeline].reverse().find((e) => /^resolved\b/.test(e.says))?.says.replace(/^resolved: /, '') ?? '';

/** @param {Facts} props */
function Resolved({ incident, alerts, plan, approvals }) {
  const calm = calmSince(alerts), worked = plan?.status === 'succeeded';
  return html`<div class="ending ok"><${State} is="ok" word="Over" /><p>
    ${worked && plan ? html`<${Did} plan=${plan} approvals=${approvals} />. Verified by the signals: <${Text} value=${gist(plan.outcome)} max=${160} expand=${false} />.` : html`No plan of ours ended it: <${Text} value=${closing(incident) || 'its alerts ended'} max=${160} expand=${false} />.`}
    ${calm !== null && html` Trouble lasted <b>${duration(calm - incident.since_ms)}</b>, until <${At} ms=${calm} seconds=${true} />`}${incident.resolved_ms !== null && html`; resolved at <${At} ms=${incident.resolved_ms} seconds=${true} />.`}</p></div>`;
}

/** @param {Facts} props */
export function Ending({ incident, alerts, plan, approvals }) {
  if (incident.status === 'resolved') return html`<${Resolved} incident=${incident} alerts=${alerts} plan=${plan} approvals=${approvals} />`;
  if (incident.status === 'merged') return null;
  const calm = calmSince(alerts);
  if (plan && ['failed', 'escalated', 'unknown'].includes(plan.status)) {
    return html`<div class="ending bad"><${State} is="bad" word="A person is needed" /><p><${Did} plan=${plan} approvals=${approvals} />${plan.outcome && html`: <${Text} value=${shortNames(plan.outcome)} max=${200} />`}</p></div>`;
  }
  if (calm === null) return null;
  return html`<div class="ending"><${State} is="ok" word="Calm" /><p>${alerts.length > 1 ? html`None of ${plural(alerts.length, 'alert')} fires` : 'Its alert does not fire'} since <${At} ms=${calm} seconds=${true} />, after <b>${duration(calm - incident.since_ms)}</b>.${plan?.status === 'succeeded' && html` <${Did} plan=${plan} approvals=${approvals} />.`} It is resolved when it stays so.</p></div>`;
}

/** @typedef {import('../../types.d.ts').SimilarIncident} SimilarIncident */

/** A ticket of the time before us has no page of its own. @param {{one: SimilarIncident}} props */
function Name({ one }) {
  if (one.id.startsWith('ticket:')) return html`<${Text} value=${one.id} max=${60} expand=${false} />`;
  return html`<a href=${to('incidents', one.id)}>${one.id.slice(0, 40)}</a>`;
}

/** @param {{similar: SimilarIncident[]}} props */
export function Past({ similar }) {
  if (!similar?.length) return null;
  return html`<section class="section"><h2>Like it before</h2>${similar.map((one) => html`<div class="others">
    <div><${Confidence} p=${one.score} says="alike" /> <${Name} one=${one} /> <${At} ms=${one.since_ms} /> <${Text} value=${one.title} max=${100} /></div>
    <div><${Text} value=${one.says} max=${160} /> <${Version} of=${one.decided_by} /></div></div>`)}</section>`;
}
