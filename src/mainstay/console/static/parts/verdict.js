/** "This is wrong", one click away: verdicts are the only truth that the models are judged by. */
import { may, send } from '../js/api.js';
import { entityName } from '../js/format.js';
import { html } from '../js/html.js';
import { items, refresh, useData } from '../js/store.js';
import { gist, timeless } from '../js/story.js';
import { Ask, note, show } from './dialog.js';
import { Ago, plain, State, Text } from './words.js';

const again = () => refresh((path) => /^\/(incidents|feedback|verdicts|models|alerts)/.test(path));

/** @param {Record<string, unknown>} verdict */
async function give(verdict) {
  await send('POST', '/verdicts', verdict);
  again();
}

/** @param {string} id */
const shown = (id) => plain(entityName(id)).slice(0, 80);

/** @param {{name: string, label: string, options: [string, string][], none?: string}} props */
export function Choose({ name, label, options, none }) {
  return html`<div class="field"><label for=${`choose-${name}`}>${label}</label><select id=${`choose-${name}`} name=${name}>${none && html`<option value="">${none}</option>`}${options.map(([value, word]) => html`<option value=${value}>${word}</option>`)}</select></div>`;
}

const Comment = () => html`<div class="field"><label for="comment">Comment <span class="muted">(optional)</span></label><input type="text" id="comment" name="comment" maxlength="500" autocomplete="off" /></div>`;

/** @param {{incident: import('../../types.d.ts').Incident}} props */
function Wrong({ incident }) {
  const entities = items(useData('/entities').data);
  const first = new Set(incident.entities);
  const options = [...incident.entities, ...entities.map((e) => e.id).filter((id) => !first.has(id))].map((id) => [id, shown(id)]);
  return html`<${Ask} title="The cause is wrong" submit="Record" done="Recorded. The diagnoser will be judged by it." act=${(/** @type {FormData} */ form) => give({ kind: 'wrong-cause', subject: incident.id, target: form.get('target'), comment: form.get('comment') })}>
    <${Choose} name="target" label="What was it really?" options=${options} none="I do not know" /><${Comment} /><//>`;
}

/** @param {{incident: import('../../types.d.ts').Incident, alerts: import('../../types.d.ts').Alert[]}} props */
function Split({ incident, alerts }) {
  const named = new Map(alerts.map((a) => [a.id, `${a.name} on ${shown(a.entity)}${a.summary && `: ${timeless(a.summary)}`}`]));
  const options = incident.groupings.map((g) => [g.alert, plain(named.get(g.alert) ?? g.alert).slice(0, 120)]);
  return html`<${Ask} title="An alert does not belong here" submit="Split off" done="Recorded. The alert leaves this incident." act=${(/** @type {FormData} */ form) => give({ kind: 'split', subject: incident.id, target: form.get('target'), comment: form.get('comment') })}>
    <${Choose} name="target" label="Which alert?" options=${options} /><${Comment} /><//>`;
}

/** @param {{incident: import('../../types.d.ts').Incident}} props */
function Merge({ incident }) {
  const others = items(useData('/incidents?limit=200').data).filter((i) => i.id !== incident.id && i.status !== 'merged');
  return html`<${Ask} title="This is the same incident as…" submit="Merge" done="Recorded. The two become one." act=${(/** @type {FormData} */ form) => give({ kind: 'merge', subject: incident.id, target: form.get('target'), comment: form.get('comment') })}>
    <${Choose} name="target" label="Merge into" options=${others.map((i) => [i.id, `${i.id} ${plain(i.title).slice(0, 80)}`])} /><${Comment} /><//>`;
}

/** A missed incident is a verdict too: without it a deaf model looks perfect. */
export function Missed() {
  const entities = items(useData('/entities').data);
  const act = (/** @type {FormData} */ form) => give({ kind: 'missed', subject: form.get('subject'), since_ms: new Date(String(form.get('since'))).getTime(), comment: form.get('comment') });
  const here = new Date(Date.now() - new Date().getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
  return html`<${Ask} title="You missed one" submit="Record" done="Recorded as missed. It counts against the models that should have seen it." act=${act}>
    <${Choose} name="subject" label="What was broken?" options=${entities.map((e) => [e.id, shown(e.id)])} />
    <div class="field"><label for="since">Since when?</label><input type="datetime-local" id="since" name="since" required value=${here} max=${here} /></div>
    <div class="field"><label for="comment">What was it?</label><textarea id="comment" name="comment" maxlength="500"></textarea></div><//>`;
}

/** @param {import('../../types.d.ts').Incident} incident @param {string} kind @param {string} done */
async function quick(incident, kind, done) {
  try {
    await give({ kind, subject: incident.id });
    note(done);
  } catch (error) {
    note(/** @type {Error} */ (error).message, 'bad');
  }
}

/** @param {import('../../types.d.ts').Incident} incident @param {import('../../types.d.ts').Alert[]} alerts */
function choices(incident, alerts) {
  return [
    ['right-cause', 'Right', 'the cause is what it says', () => quick(incident, 'right-cause', 'Recorded: the cause was right.')],
    ['wrong-cause', 'Wrong…', 'the cause is something else', () => show(() => html`<${Wrong} incident=${incident} />`)],
    ['not-anomaly', 'Not an anomaly', 'nothing was wrong: a false page', () => quick(incident, 'not-anomaly', 'Recorded: not an anomaly.')],
    ['merge', 'Merge…', 'it is the same as another incident', () => show(() => html`<${Merge} incident=${incident} />`)],
    ['split', 'Split…', 'an alert does not belong here', () => show(() => html`<${Split} incident=${incident} alerts=${alerts} />`)],
    ['missed', 'You missed one…', 'something was broken that is not here', () => show(() => html`<${Missed} />`)],
  ];
}

/** The menu behind the `.` key. @param {import('../../types.d.ts').Incident} incident @param {import('../../types.d.ts').Alert[]} alerts */
export function openVerdicts(incident, alerts) {
  if (!may('responder')) {
    note('A verdict needs the role responder.', 'warn');
    return;
  }
  const list = choices(incident, alerts);
  const act = async (/** @type {FormData} */ form) => /** @type {any} */ (list.find(([kind]) => kind === form.get('kind')))[3]();
  show(() => html`<${Ask} title="Your verdict" submit="Next" act=${act}><fieldset class="choices"><legend class="visually-hidden">What is it?</legend>
    ${list.map(([kind, name, says], i) => html`<label><input type="radio" name="kind" value=${kind} defaultChecked=${i === 0} autofocus=${i === 0} /><span><span class="strong">${name}</span> <span class="muted">${says}</span></span></label>`)}</fieldset><//>`);
}

/** Some of the verdicts as buttons. @param {{incident: import('../../types.d.ts').Incident, alerts: import('../../types.d.ts').Alert[], kinds: string[], quiet?: boolean}} props */
export function VerdictButtons({ incident, alerts, kinds, quiet = false }) {
  const list = choices(incident, alerts).filter(([kind]) => kinds.includes(String(kind)));
  return html`<span class="buttons" role="group" aria-label="Verdict">${list.map(([kind, name, says, act]) => html`<button class=${`button small ${quiet ? 'quiet' : ''}`} disabled=${!may('responder')} title=${says} onClick=${act} data-verdict=${kind}>${name}</button>`)}</span>`;
}

/** @param {{given: import('../../types.d.ts').Verdict[]}} props */
export const Given = ({ given }) => html`${given.map((v) => html`<p class="small muted"><${State} is="" icon="verdict" word=${v.kind.replace('-', ' ')} />, says ${v.by === 'outcome' ? 'the outcome of the plan' : plain(v.by).slice(0, 60)} <${Ago} ms=${v.at_ms} />${v.comment && html`: <${Text} value=${v.by === 'outcome' ? gist(v.comment) : v.comment} max=${160} more="all" />`}</p>`)}`;
