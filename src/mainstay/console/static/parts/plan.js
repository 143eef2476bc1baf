/** A plan: what would be done, to what, how we shall know that it worked, and the two keys that decide. */
import { useState } from 'preact/hooks';
import { may, me, send } from '../js/api.js';
import { duration, plural } from '../js/format.js';
import { html } from '../js/html.js';
import { useKeys } from '../js/keys.js';
import { refresh } from '../js/store.js';
import { gist, shortNames } from '../js/story.js';
import { Ask, note, show } from './dialog.js';
import { Ago, At, EntityLink, State, Text, Version } from './words.js';

/** @typedef {import('../../types.d.ts').Plan & {digest?: string}} Plan */

const again = () => refresh((path) => /^\/(plans|approvals|incidents)/.test(path));

/** The digest, its beginning set off so that two people can compare it aloud. @param {{digest: string}} props */
export const Digest = ({ digest }) => html`<span class="digest"><b>${digest.slice(0, 8)}</b>${digest.slice(8)}</span>`;

/** @param {{args: Record<string, unknown>}} props */
function Arguments({ args }) {
  const rows = Object.entries(args);
  return rows.length ? html`<span class="args">${rows.map(([name, value]) => html`<span>${name} = <${Text} value=${typeof value === 'string' ? value : JSON.stringify(value)} max=${160} /></span>`)}</span>` : null;
}

/** @typedef {import('../../types.d.ts').StepResult} StepResult */

/** What a step was told and what it answered: before it runs one must read it, afterwards one may. @param {{step: import('../../types.d.ts').Step, result: StepResult | undefined}} props */
function StepDetails({ step, result }) {
  if (!result) return html`<${Arguments} args=${step.with} />`;
  const said = [result.says, result.output].filter(Boolean);
  const body = html`<${Arguments} args=${step.with} />${said.map((text) => html`<div class="small muted"><${Text} value=${text} max=${240} /></div>`)}`;
  return result.status === 'succeeded' ? html`<details class="small"><summary>what it ran and answered</summary>${body}</details>` : body;
}

/** @param {{steps: import('../../types.d.ts').Step[], results?: StepResult[], phase: string}} props */
export function Steps({ steps, results = [], phase }) {
  return html`<ol class="steps">${steps.map((step, i) => {
    const result = results.filter((r) => r.phase === phase && r.index === i).at(-1);
    return html`<li><div><span class="strong"><${Text} value=${step.name} max=${120} /></span> <span class="chip">${step.action}</span> ${result && html`<span class="nowrap"><${State} is=${result.status} /> <span class="muted small"><${At} ms=${result.at_ms} seconds=${true} /></span></span>`}
      <${StepDetails} step=${step} result=${result} /></div></li>`;
  })}</ol>`;
}

/** How success is recognised, in words. @param {import('../../types.d.ts').Plan} plan */
const verifyWords = ({ verify }) => `the alerts resolve within ${duration(verify.within_s * 1000)} and stay quiet for ${duration(verify.quiet_s * 1000)}`;

/** @param {Plan} plan */
function whyNot(plan) {
  if (!may('approver')) return `Deciding needs the role approver; you are ${me.value?.role ?? 'not signed in'}.`;
  if (plan.requested_by === me.value?.name || plan.requested_by === `user:${me.value?.name}`) return 'You asked for this plan, so somebody else must decide.';
  return '';
}

/** @param {{plan: Plan, yes: boolean}} props */
function Decide({ plan, yes }) {
  const act = async (/** @type {FormData} */ form) => {
    await send('POST', `/plans/${encodeURIComponent(plan.id)}/${yes ? 'approve' : 'reject'}`, { digest: plan.digest ?? '', comment: String(form.get('comment') ?? '') });
    again();
  };
  return html`<${Ask} title=${yes ? 'Approve this plan?' : 'Reject this plan?'} submit=${yes ? 'Approve and run' : 'Reject'} danger=${!yes} act=${act} done=${yes ? 'Approved. The plan runs now; the signals will say whether it worked.' : 'Rejected. Nothing was touched.'}>
    <p class="strong"><${Text} value=${plan.title} /></p>
    ${yes && html`<${Steps} steps=${plan.steps} phase="do" />`}
    <dl class="facts"><dt>Touches</dt><dd>${plan.targets.map((id, i) => html`${i ? ', ' : ''}<${Text} value=${id} max=${80} />`)}</dd>
      <dt>Undo</dt><dd>${plan.undo.length ? plan.undo.map((s) => s.name).join(', ') : html`<${State} is="warn" word="there is none" />`}</dd>
      <dt>For</dt><dd>${plan.incident}</dd>
      <dt>Digest</dt><dd><${Digest} digest=${plan.digest ?? ''} /></dd></dl>
    <div class="field"><label for="comment">Comment <span class="muted">(kept in the ledger)</span></label><input type="text" id="comment" name="comment" maxlength="500" autofocus autocomplete="off" /></div>
    <p class="small muted">Your ${yes ? 'yes' : 'no'} holds for exactly this digest, once.</p>
  <//>`;
}

/** @param {{plan: Plan}} props */
function Buttons({ plan }) {
  const no = whyNot(plan);
  const approve = () => { if (!no) show(() => html`<${Decide} plan=${plan} yes=${true} />`); };
  const reject = () => { if (!no) show(() => html`<${Decide} plan=${plan} yes=${false} />`); };
  return html`<div class="approve-row"><button class="button primary" data-act="approve" disabled=${Boolean(no)} onClick=${approve}>Approve… <kbd>a</kbd></button>
    <button class="button" data-act="reject" disabled=${Boolean(no)} onClick=${reject}>Reject… <kbd>r</kbd></button></div>${no && html`<p class="small muted">${no}</p>`}`;
}

/** `a` and `r` press the buttons of the plan that has the focus, or of the first that waits. */
export function usePlanKeys() {
  useKeys(() => {
    const press = (/** @type {string} */ act) => () => {
      const near = document.activeElement?.closest('[data-plan]') ?? document;
      const button = /** @type {HTMLButtonElement | null} */ (near.querySelector(`[data-act="${act}"]:not(:disabled)`));
      if (button) button.click();
      else note('No plan here waits for your decision.', 'warn');
    };
    return { a: press('approve'), r: press('reject') };
  }, []);
}

/** What each step would do; asked of the server again at a press. Only what has not been decided can be tried. @param {{plan: Plan}} props */
function DryRun({ plan }) {
  const [lines, setLines] = useState(plan.dry_run);
  const run = async () => {
    try {
      const answer = await send('POST', `/plans/${encodeURIComponent(plan.id)}/dry-run`);
      setLines(answer?.says ?? plan.dry_run);
      note('Dry run done; nothing was touched.');
    } catch (error) {
      note(/** @type {Error} */ (error).message, 'bad');
    }
  };
  const button = may('responder') && html`<button class="button quiet small" onClick=${run}>${lines.length ? 'Again' : 'Run it dry'}</button>`;
  if (!lines.length) return html`<div class="buttons"><${State} is="warn" word="No dry run yet" />${button}</div>`;
  return html`<div class="dry"><div class="buttons"><${State} is="ok" word="Dry run" />${button}</div>
    <ul class="dry">${lines.map((line) => html`<li><span class="muted" aria-hidden="true">·</span><span><${Text} value=${line} max=${300} /></span></li>`)}</ul></div>`;
}

/** Who said yes or no, when and why. @param {{approvals: import('../../types.d.ts').Approval[]}} props */
const Decided = ({ approvals }) => html`${approvals.map((a) => html`<p><${State} is=${a.decision} /> by <${Text} value=${a.by} max=${60} /> at <${At} ms=${a.at_ms} seconds=${true} />${a.comment && html`: <${Text} value=${a.comment} max=${200} />`}</p>`)}`;

/** What came of it; while it runs, what it waits for. @param {{plan: Plan, results: StepResult[]}} props */
function Result({ plan, results }) {
  if (plan.outcome) return html`<p><${Text} value=${shortNames(plan.outcome)} max=${Math.max(40, gist(plan.outcome).length)} more="all" /></p>`;
  const ran = plan.steps.every((_, i) => results.some((r) => r.phase === 'do' && r.index === i && r.status === 'succeeded'));
  if (plan.status === 'running' && ran) return html`<p><${State} is="started" word="verifying" /> it worked when ${verifyWords(plan)}.</p>`;
  return null;
}

/** A plan that waits: all that one needs for a yes or a no. @param {{plan: Plan}} props */
const Waiting = ({ plan }) => html`<${Buttons} plan=${plan} />
  ${plan.asks.map((line) => html`<p class="asks"><${State} is="warn" word="Asks a human" /> <${Text} value=${line} max=${300} /></p>`)}
  ${plan.reason && html`<p class="muted"><${Text} value=${shortNames(plan.reason)} /></p>`}
  <${Steps} steps=${plan.steps} phase="do" /><${DryRun} plan=${plan} />
  <p class="small muted">It worked when ${verifyWords(plan)}${plan.verify.entity ? html` on <${EntityLink} id=${plan.verify.entity} />` : ''}.</p>`;

/** A plan that was decided: by whom, what was done, what came of it. @param {{plan: Plan, results: StepResult[], approvals: import('../../types.d.ts').Approval[]}} props */
const Doing = ({ plan, results, approvals }) => html`<${Decided} approvals=${approvals} />
  <${Steps} steps=${plan.steps} results=${results} phase="do" /><${Result} plan=${plan} results=${results} />`;

/** @param {{plan: Plan, results?: StepResult[], entities?: number, approvals?: import('../../types.d.ts').Approval[], heading?: any}} props */
export function PlanPanel({ plan, results: all = [], entities = 0, approvals = [], heading = 'Plan' }) {
  const waits = plan.status === 'proposed', results = all.filter((r) => r.plan === plan.id);
  const undone = results.some((r) => r.phase === 'undo');
  const undo = html`<${Steps} steps=${plan.undo} results=${results} phase="undo" />`;
  return html`<section class="panel plan" data-plan=${plan.id} aria-label=${`Plan ${plan.id}`}>
    <header><h2>${heading}</h2><${State} is=${plan.status} word=${waits ? 'waits for approval' : plan.status} /></header>
    <div class="body">
      <div><p class="title"><${Text} value=${plan.title} max=${200} /></p>
        <p class="muted">touches ${plan.targets.length}${entities ? ` of ${plural(entities, 'entity', 'entities')}` : ''}: ${plan.targets.map((id, i) => html`${i ? ', ' : ''}<${EntityLink} id=${id} />`)}</p></div>
      ${waits ? html`<${Waiting} plan=${plan} />` : html`<${Doing} plan=${plan} results=${results} approvals=${approvals} />`}
      ${undone && html`<div><h3>Undo</h3>${undo}</div>`}
      <details><summary>${plan.undo.length ? `Undo: ${plural(plan.undo.length, 'step')}` : 'No undo'} · digest ${(plan.digest ?? '').slice(0, 8)}</summary>
        ${plan.undo.length > 0 && !undone && undo}${!waits && plan.reason && html`<p class="muted"><${Text} value=${shortNames(plan.reason)} /></p>`}
        ${!waits && plan.dry_run.map((line) => html`<p class="small muted">dry run: <${Text} value=${line} max=${300} /></p>`)}<p><${Digest} digest=${plan.digest ?? ''} /></p></details>
      <p class="small muted">${plan.risk_class} change · runbook <${Text} value=${plan.runbook} max=${80} /> · asked by <${Text} value=${plan.requested_by} max=${60} /> <${Ago} ms=${plan.created_ms} /> · <${Version} of=${plan.decided_by} /></p>
    </div></section>`;
}
