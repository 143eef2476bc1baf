/** The inbox of decisions: plans that wait for a yes or a no. */
import { plural } from '../js/format.js';
import { html } from '../js/html.js';
import { to } from '../js/router.js';
import { items, useData } from '../js/store.js';
import { PlanPanel, usePlanKeys } from '../parts/plan.js';
import { Empty, PageHead, Shown } from '../parts/words.js';

export function Approvals() {
  const held = useData('/approvals');
  usePlanKeys();
  return html`<${Shown} held=${held} what="approvals">${(/** @type {any} */ data) => {
    const plans = items(data);
    return html`<${PageHead} title="Approvals" sentence=${plans.length ? html`<b>${plural(plans.length, 'plan')}</b> ${plans.length === 1 ? 'waits' : 'wait'} for a person. A yes holds for one digest, once, and expires.` : 'No plan waits for a decision.'} />
      ${plans.length === 0 && html`<div class="panel"><${Empty} title="Nothing to decide"><p>When a runbook fits an incident, its plan appears here and on the incident’s page.</p><//></div>`}
      ${plans.map((plan) => html`<div class="approvals" key=${plan.id} data-row tabindex="-1" data-plan=${plan.id}><${PlanPanel} plan=${plan} heading=${html`<a href=${to('incidents', plan.incident)}>${plan.incident}</a>`} /></div>`)}`;
  }}<//>`;
}
