/** What is written down of a model: its card, and who answers for it. */
import { useEffect, useState } from 'preact/hooks';
import { getText } from '../js/api.js';
import { html } from '../js/html.js';
import { items, useData } from '../js/store.js';
import { Ago, State, Text } from './words.js';

/** The card's Markdown as elements: headings, lists and paragraphs, all of it text. @param {string} text */
function cardBlocks(text) {
  const body = text.replace(/^---\n[\s\S]*?\n---\n/, '').trim();
  return body.split(/\n{2,}/).map((block) => {
    if (block.startsWith('## ')) return html`<h3>${block.slice(3)}</h3>`;
    if (block.startsWith('# ')) return null;
    const lines = block.split('\n');
    if (lines.every((line) => line.startsWith('- '))) return html`<ul class="reasons">${lines.map((line) => html`<li><${Text} value=${line.slice(2)} max=${600} /></li>`)}</ul>`;
    return lines.some((line) => line.startsWith('|')) ? html`<pre class="json">${block}</pre>` : html`<p><${Text} value=${block} max=${1200} /></p>`;
  });
}

/** @param {any} props */
export function Card({ path }) {
  const [text, setText] = useState('');
  useEffect(() => {
    let here = true;
    getText(`${path}/card`).then((t) => here && setText(t), (e) => here && setText(String(e.message)));
    return () => { here = false; };
  }, [path]);
  return html`<section class="section"><h2>Model card</h2><details class="panel body card" open=${false}><summary>Data, metrics, evenness, limits, approvals: as recorded</summary>${text ? cardBlocks(text) : html`<p class="loading">Loading the card…</p>`}</details></section>`;
}

/** Who answers for it, and when somebody looks at it again. @param {any} props */
export function Answers({ name, kind }) {
  const row = items(useData('/models-inventory').data).find((one) => one.model === name && one.kind === kind);
  if (!row) return null;
  const facts = [
    ['Owner', row.owner ? html`<${Text} value=${row.owner} max=${80} />` : html`<span class="muted">nobody</span>`],
    ['Purpose', html`<${Text} value=${row.purpose} max=${300} />`],
    ['Materiality', `a wrong word of it does ${row.materiality} harm`],
    ['Validated', row.validated_ms ? html`by <${Text} value=${row.validator} max=${80} />, <${Ago} ms=${row.validated_ms} />` : html`<span class="muted">by nobody yet</span>`],
    ['Next review', row.next_review_ms ? html`<${Ago} ms=${row.next_review_ms} />${row.is_overdue ? html` <${State} is="bad" word="overdue: automation that rests on it is closed" />` : ''}` : html`<span class="muted">not set</span>`],
    ['Open', row.open_findings.length ? html`<ul class="lines">${row.open_findings.map((/** @type {string} */ one) => html`<li><${Text} value=${one} max=${200} /></li>`)}</ul>` : html`<span class="muted">nothing</span>`],
  ];
  return html`<section class="section"><h2>Who answers for it</h2><div class="panel body"><dl class="facts">${facts.map(([what, is]) => html`<dt>${what}</dt><dd>${is}</dd>`)}</dl></div></section>`;
}
