/** Runbooks: what Mainstay may do, when, and how it knows that it worked. */
import { duration, percent, plural } from '../js/format.js';
import { html } from '../js/html.js';
import { items, useData } from '../js/store.js';
import { Steps } from '../parts/plan.js';
import { Empty, PageHead, Shown, State, Text } from '../parts/words.js';

/** @param {{runbook: import('../../types.d.ts').Runbook}} props */
const One = ({ runbook }) => html`<section class="panel" data-row tabindex="-1" aria-label=${runbook.name}>
  <header><h3><${Text} value=${runbook.title} max=${120} /></h3><span class="chip">${runbook.risk_class}</span>${runbook.enabled ? html`<${State} is="ok" word="asks for approval" />` : html`<${State} is="" word="switched off" />`}</header>
  <div class="body">${runbook.description && html`<p><${Text} value=${runbook.description} /></p>`}
    <dl class="facts"><dt>When</dt><dd>the cause is ${runbook.causes.join(' or ')}, at least ${percent(runbook.min_probability)} sure${runbook.needs_change ? ', and a change is known that did it' : ''}</dd>
      <dt>Worked when</dt><dd>the alerts resolve within ${duration(runbook.verify.within_s * 1000)} and stay quiet for ${duration(runbook.verify.quiet_s * 1000)}</dd></dl>
    <details><summary>${plural(runbook.steps.length, 'step')}, ${runbook.undo.length ? `${runbook.undo.length} to undo` : 'no undo'}</summary><${Steps} steps=${runbook.steps} phase="do" />${runbook.undo.length > 0 && html`<h2>Undo</h2><${Steps} steps=${runbook.undo} phase="undo" />`}</details></div></section>`;

export function Runbooks() {
  const held = useData('/runbooks');
  return html`<${Shown} held=${held} what="runbooks">${(/** @type {any} */ data) => {
    const rows = items(data), on = rows.filter((r) => r.enabled).length;
    return html`<${PageHead} title="Runbooks" sentence=${html`<b>${plural(on, 'runbook')}</b> may be proposed. Each asks a person first: nothing runs by itself.`} />
      ${rows.length ? rows.map((r) => html`<${One} key=${r.name} runbook=${r} />`) : html`<div class="panel"><${Empty} title="No runbook is loaded"><p>A runbook is one YAML file; <code>mainstay runbooks check FILE</code> says what is wrong with it.</p><//></div>`}`;
  }}<//>`;
}
