/** How it ended, or how it is about to: right under the title, because it is the first thing that one who comes late asks. */
import { duration, plural } from '../js/format.js';
import { html } from '../js/html.js';
import { calmSince, gist, shortNames } from '../js/story.js';
import { At, State, Text } from './words.js';

/** @typedef {import('../../types.d.ts').Incident} Incident */
/** @typedef {import('../../types.d.ts').Alert} Alert */
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
