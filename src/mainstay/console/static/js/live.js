/** Live events. Lost is said, in words, with the time of what is on screen; found again, everything is fetched anew. */
import { signal } from '@preact/signals';
import { ROOT, me, whoAmI } from './api.js';
import { refresh } from './store.js';

/** @type {import('@preact/signals').Signal<{state: 'starting' | 'live' | 'stale', since: number}>} */
export const live = signal({ state: 'starting', since: Date.now() });

/** The clock of relative times: one tick for the whole page. */
export const now = signal(Date.now());
setInterval(() => { now.value = Date.now(); }, 5000);

/** Which paths show a kind of thing. */
const SHOWS = /** @type {Record<string, string[]>} */ ({
  incident: ['/incidents', '/status', '/approvals'], alert: ['/alerts', '/budget', '/status', '/incidents/', '/entities', '/services'],
  plan: ['/plans', '/approvals', '/incidents/'], change: ['/changes', '/incidents/'], model: ['/models', '/rollouts'],
  verdict: ['/feedback', '/models', '/incidents/', '/alerts', '/budget'], status: ['/status', '/services'],
  silence: ['/silences', '/maintenance', '/suppressions', '/withheld', '/alerts', '/incidents'],
});
/** Every decision adds to the ledger. */
const ALWAYS = ['/ledger?'];

/** @type {Set<string>} */
const waiting = new Set();
let timer = 0;

/** At once after a calm, but once a second in a storm. */
const SOON_MS = 150, STORM_MS = 1000;
let applied = 0;

/** Many events of one batch become one refetch. @param {string} kind */
function heard(kind) {
  waiting.add(kind);
  if (!timer) timer = window.setTimeout(apply, Math.max(SOON_MS, applied + STORM_MS - Date.now()));
}

function apply() {
  const prefixes = [...waiting].flatMap((kind) => SHOWS[kind] ?? []).concat(ALWAYS);
  const all = [...waiting].some((kind) => !(kind in SHOWS));
  waiting.clear();
  timer = 0;
  applied = Date.now();
  refresh((path) => all || prefixes.some((prefix) => path.startsWith(prefix)));
}

/** @type {EventSource | null} */
let source = null;
let retry = 1000;

/** The server speaks at least every 15 s; a connection that is silent for longer than this is dead, whatever TCP thinks. */
const SILENT_MS = 40_000;
let heardAt = Date.now();
setInterval(() => {
  if (source && live.value.state === 'live' && Date.now() - heardAt > SILENT_MS) lost();
}, 5000);

/** @param {MessageEvent} event */
function message(event) {
  heardAt = Date.now();
  let kind = event.type;
  try {
    const body = JSON.parse(event.data);
    kind = body.kind ?? body.type ?? kind;
  } catch { /* not JSON: the event's name says enough */ }
  heard(kind);
}

/** Open the stream and keep it open. */
export function connect() {
  source?.close();
  source = new EventSource(`${ROOT}/stream`);
  source.onopen = () => {
    const again = live.value.state === 'stale';
    retry = 1000;
    heardAt = Date.now();
    live.value = { state: 'live', since: heardAt };
    if (again) refresh(() => true);
  };
  source.onmessage = message;
  for (const kind of Object.keys(SHOWS)) source.addEventListener(kind, message);
  source.onerror = lost;
}

function lost() {
  source?.close();
  if (live.value.state !== 'stale') live.value = { state: 'stale', since: Date.now() };
  whoAmI().catch(() => undefined);
  window.setTimeout(() => me.value && !document.hidden && connect(), retry);
  retry = Math.min(retry * 2, 15_000);
}

export function disconnect() {
  source?.close();
  source = null;
}

/** A browser allows six connections to one server over all tabs: a tab that nobody looks at gives its stream back. */
const HIDDEN_MS = 10_000;
let hidden = 0;
document.addEventListener('visibilitychange', () => {
  window.clearTimeout(hidden);
  if (document.hidden) hidden = window.setTimeout(disconnect, HIDDEN_MS);
  else if (!source && me.value) {
    connect();
    refresh(() => true);
  }
});
window.addEventListener('pagehide', disconnect);
window.addEventListener('pageshow', (event) => {
  if (event.persisted && me.value) connect();
});
