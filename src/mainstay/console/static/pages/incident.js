/** One incident: what is broken, why, what to do, and how sure we are; in this order. */
import { useEffect } from 'preact/hooks';
import { may, send } from '../js/api.js';
import { absolute, duration, plural } from '../js/format.js';
import { html } from '../js/html.js';
import { useKeys } from '../js/keys.js';
import { now } from '../js/live.js';
import { to } from '../js/router.js';
import { items, refresh, useData } from '../js/store.js';
import { calmSince, firstClause } from '../js/story.js';
import { Ending, Past, Timeline } from '../parts/course.js';
import { note } from '../parts/dialog.js';
import { EvidenceList, Cited } from '../parts/evidence.js';
import { PlanPanel, usePlanKeys } from '../parts/plan.js';
import { Given, openVerdicts, VerdictButtons } from '../parts/verdict.js';
import { Held, ofEntities, SilenceButton } from '../parts/withheld.js';
import { At, Confidence, EntityLink, plain, Shown, State, Text, Version } from '../parts/words.js';

/** @typedef {import('../../types.d.ts').Incident} Incident */
/** @typedef {import('../../types.d.ts').Change} Change */
/** @typedef {import('../../types.d.ts').Alert} Alert */

/** @param {{incident: Incident}} props */
function RiskSum({ incident }) {
  const { risk } = incident;
  if (!risk) return null;
  return html`<details><summary>risk <b>${risk.score}</b>${risk.parts.length > 0 && ` = ${risk.parts.map((p) => `${p.points} ${plain(p.name).slice(0, 32)}`).join(' + ')}`}</summary>
    <dl class="facts small">${risk.parts.map((p) => html`<dt>${p.points} ${plain(p.name).slice(0, 32)}</dt><dd><${Text} value=${p.says} /></dd>`)}</dl></details>`;
}

/** @param {string} id @param {string} does @param {string} done */
async function tell(id, does, done) {
  try {
    await send('POST', `/incidents/${encodeURIComponent(id)}/${does}`);
    note(done);
    refresh((path) => path.startsWith('/incidents'));
  } catch (error) {
    note(/** @type {Error} */ (error).message, 'bad');
  }
}

/** @param {{incident: Incident, alerts: Alert[], children: any}} props */
function Head({ incident, alerts, children }) {
  const over = incident.resolved_ms === null ? now.value : calmSince(alerts) ?? incident.resolved_ms;
  const firing = alerts.filter((a) => a.status === 'firing').length;
  const open = incident.status === 'open' || incident.status === 'acknowledged';
  return html`<header class="incident-head">
    <div class="top"><a href=${to('incidents')}>Incidents</a><span class="muted">${incident.id}</span><${State} is=${incident.severity} /><${State} is=${incident.status} word=${incident.acknowledged_by && open ? `acknowledged by ${incident.acknowledged_by.slice(0, 40)}` : incident.status} />
      <span class="grow"></span>
      ${open && may('responder') && html`<span class="buttons">${incident.status === 'open' && html`<button class="button" onClick=${() => tell(incident.id, 'acknowledge', 'Acknowledged: it is yours.')}>Acknowledge</button>`}
        <button class="button" onClick=${() => tell(incident.id, 'resolve', 'Marked as resolved.')}>Resolve</button><${SilenceButton} matchers=${ofEntities(incident.entities)} /></span>`}</div>
    <h1><${Text} value=${incident.title} max=${200} /></h1>
    <div class="meta"><span title=${absolute(incident.since_ms)}>since <${At} ms=${incident.since_ms} /> · ${open ? 'for' : 'lasted'} ${duration(over - incident.since_ms)}</span>${alerts.length > 0 && html`<span>${open ? `${firing} of ${plural(alerts.length, 'alert')} firing` : plural(alerts.length, 'alert')}</span>`}<${RiskSum} incident=${incident} /><${Version} of=${incident.decided_by} />
      ${incident.merged_into && html`<span>merged into <a href=${to('incidents', incident.merged_into)}>${incident.merged_into}</a></span>`}</div><${Held} mark=${incident.withheld} />${children}</header>`;
}

/** The change that is thought to have done it. @param {{change: Change | undefined, id: string}} props */
function ChangeWords({ change, id }) {
  if (!change) return html`after the change <a href=${to('changes')}><${Text} value=${id} max=${60} expand=${false} /></a>`;
  return html`changed at <${At} ms=${change.at_ms} seconds=${true} />${change.author && html` by <${Text} value=${change.author} max=${40} expand=${false} />`}`;
}

/** @param {{incident: Incident}} props */
function OtherSuspects({ incident }) {
  const others = incident.suspects.slice(1, 9);
  if (!others.length) return html`<span></span>`;
  return html`<details><summary>${plural(others.length, 'other suspect')}</summary><div class="others">${others.map((s) => html`<div><${Confidence} p=${s.probability} says="" /> <${EntityLink} id=${s.entity} /> ${s.cause} <${Text} value=${firstClause(s.says)} max=${120} more="all" /> <${Cites} ids=${s.evidence} incident=${incident.id} /></div>`)}</div></details>`;
}

/** @param {{incident: Incident, alerts: any[], changes: Change[]}} props */
function RootCause({ incident, alerts, changes }) {
  const first = incident.suspects[0];
  if (!first) return html`<p class="main">Not known yet</p><p class="more">No suspect has enough evidence. The models look again with every new alert.</p>`;
  const change = changes.find((c) => c.id === first.change);
  const what = change ? `${change.kind} ${change.version}` : first.cause;
  return html`<p class="main"><${EntityLink} id=${first.entity} /> ← <${Text} value=${what} max=${80} /></p>
    <p class="more"><${Confidence} p=${first.probability} />${first.change && html` · <${ChangeWords} change=${change} id=${first.change} />`}</p>
    ${first.says && html`<p class="more"><${Text} value=${firstClause(first.says)} max=${200} /></p>`}
    <p><${Cites} ids=${first.evidence} incident=${incident.id} /><${Version} of=${first.decided_by} /></p>
    <div class="judge"><${OtherSuspects} incident=${incident} /><${VerdictButtons} incident=${incident} alerts=${alerts} kinds=${['right-cause', 'wrong-cause']} /></div>`;
}

/** @param {{ids: string[], incident: string}} props */
const Cites = ({ ids, incident }) => html`${ids.slice(0, 12).map((id) => html`<a class="cite" href=${to('incidents', incident, id)}>${id.slice(0, 12)}</a> `)}`;

/** @param {{incident: Incident, alerts: any[], changes: Change[]}} props */
function Groups({ incident, alerts, changes }) {
  const { impact } = incident;
  return html`<section class="panel" aria-label="What happened"><div class="groups">
    <div class="group"><h2>Root cause</h2><div><${RootCause} incident=${incident} alerts=${alerts} changes=${changes} /></div></div>
    <div class="group"><h2>Critical failure</h2><div><p class="main"><${Text} value=${incident.critical_failure || 'Not determined'} max=${240} /></p></div></div>
    <div class="group"><h2>Impact</h2><div>${impact.length ? html`<p class="names strong">${impact.slice(0, 30).map((id) => html`<${EntityLink} id=${id} />`)}</p><p class="more">${plural(impact.length, 'entity suffers', 'entities suffer')}${impact.length > 30 ? `; ${impact.length - 30} more are not shown` : ''}</p>` : html`<p class="more">Nobody else is known to suffer.</p>`}</div></div>
  </div></section>`;
}

const NoPlan = () => html`<section class="panel"><header><h2>Plan</h2></header><div class="body"><p class="muted">No runbook fits what is known so far. <a href=${to('runbooks')}>See what is loaded.</a></p></div></section>`;

/** @param {{data: any, part: string}} props */
function Body({ data, part }) {
  const incident = /** @type {Incident} */ (data.incident);
  const alerts = items(data.alerts), plans = items(data.plans), changes = items(data.changes);
  const entities = items(useData('/entities').data).length;
  usePlanKeys();
  useKeys(() => ({ '.': () => openVerdicts(incident, alerts) }), [data]);
  useEffect(() => {
    if (!part) return;
    const target = document.getElementById(`evidence-${part}`);
    target?.scrollIntoView({ block: 'center' });
    target?.focus({ preventScroll: true });
  }, [part]);
  const [plan, ...older] = [...plans].sort((a, b) => b.created_ms - a.created_ms);
  return html`<article>
    <${Head} incident=${incident} alerts=${alerts}><${Ending} incident=${incident} alerts=${alerts} plan=${plan} approvals=${items(data.approvals)} /><//>
    <div class="columns">
      <div class="top"><${Groups} incident=${incident} alerts=${alerts} changes=${changes} />
        <div class="verdicts"><span class="muted">Verdict <kbd>.</kbd></span><${VerdictButtons} incident=${incident} alerts=${alerts} kinds=${['not-anomaly', 'merge', 'split', 'missed']} quiet=${true} /></div>
        <${Given} given=${items(data.verdicts)} />
        ${incident.summary && html`<details class="summary"><summary>All of it in one paragraph</summary><p><${Cited} text=${incident.summary} incident=${incident} /></p></details>`}
      </div>
      <div class="rest"><section class="section"><h2>Evidence</h2><${EvidenceList} incident=${incident} alerts=${alerts} changes=${changes} /></section></div>
      <div class="aside"><div class="plan-box">${plan ? html`<${PlanPanel} key=${plan.id} plan=${plan} results=${items(data.steps)} approvals=${items(data.approvals).filter((a) => a.plan === plan.id)} entities=${entities} />` : html`<${NoPlan} />`}</div>
        <div class="timeline-box"><section class="section"><h2>Timeline</h2><${Timeline} entries=${incident.timeline} alerts=${alerts} /></section>
        <${Past} similar=${incident.similar} />
        ${older.length > 0 && html`<section class="section"><h2>Earlier plans</h2>${older.map((p) => html`<p><${State} is=${p.status} /> <${Text} value=${p.title} /></p>`)}</section>`}</div></div>
    </div></article>`;
}

/** @param {{id: string, part: string}} props */
export function IncidentPage({ id, part }) {
  const held = useData(`/incidents/${encodeURIComponent(id)}`);
  return html`<${Shown} held=${held} what=${id}>${(/** @type {any} */ data) => html`<${Body} data=${data} part=${part} />`}<//>`;
}
