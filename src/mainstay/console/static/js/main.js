/** Start: find out who is there, then draw the page that the address names. */
import { render } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { me, whoAmI } from './api.js';
import { html } from './html.js';
import { listen } from './keys.js';
import { connect, disconnect } from './live.js';
import { route } from './router.js';
import './theme.js';
import { Dialogs } from '../parts/dialog.js';
import { Shell } from '../parts/shell.js';
import { Failure, Loading, PageHead } from '../parts/words.js';
import { AlertPage, Alerts } from '../pages/alerts.js';
import { Approvals } from '../pages/approvals.js';
import { Changes } from '../pages/changes.js';
import { IncidentPage } from '../pages/incident.js';
import { Incidents } from '../pages/incidents.js';
import { EntryPage, Ledger } from '../pages/ledger.js';
import { Login } from '../pages/login.js';
import { ServicePage, Services } from '../pages/services.js';
import { Settings } from '../pages/settings.js';

const MODELS = async () => (await import('../pages/models.js')).Models;
const SILENCES = async () => (await import('../pages/silences.js')).Silences;
const RUNBOOKS = async () => (await import('../pages/runbooks.js')).Runbooks;
const OUTLOOK = async () => (await import('../pages/ahead.js')).Outlook;
const CHANGE = async () => (await import('../pages/ahead.js')).ChangePage;
const ONE_MODEL = async () => (await import('../pages/models.js')).ModelPage;
const IN_PRODUCTION = async () => (await import('../pages/production.js')).ProductionPage;

/** A page that is fetched when somebody first opens it. @param {{from: () => Promise<any>, name?: string}} props */
function Late({ from, name }) {
  const [got, setGot] = useState(/** @type {{page?: any, error?: Error}} */ ({}));
  const fetch = () => { from().then((page) => setGot({ page }), (error) => setGot({ error })); };
  useEffect(fetch, [from]);
  if (got.error) return html`<${Failure} error=${got.error} retry=${fetch} />`;
  return got.page ? html`<${got.page} name=${name} />` : html`<${Loading} what="the page" />`;
}

/** @type {Record<string, any>} */
const PAGES = {
  incidents: (/** @type {string} */ id) => (id ? html`<${IncidentPage} key=${id} id=${id} part=${route.value.part} />` : html`<${Incidents} />`),
  approvals: () => html`<${Approvals} />`,
  alerts: (/** @type {string} */ id) => (id ? html`<${AlertPage} key=${id} id=${id} />` : html`<${Alerts} />`),
  changes: (/** @type {string} */ id) => (id ? html`<${Late} key=${id} from=${CHANGE} name=${id} />` : html`<${Changes} />`),
  services: (/** @type {string} */ id) => (id ? html`<${ServicePage} key=${id} id=${id} />` : html`<${Services} />`),
  models: (/** @type {string} */ id) => (id ? html`<${Late} key=${id} from=${ONE_MODEL} name=${id} />` : html`<${Late} key="" from=${MODELS} />`),
  production: (/** @type {string} */ id) => html`<${Late} key=${id} from=${IN_PRODUCTION} name=${id} />`,
  runbooks: () => html`<${Late} key="runbooks" from=${RUNBOOKS} />`,
  ledger: (/** @type {string} */ id) => (id ? html`<${EntryPage} key=${id} id=${id} />` : html`<${Ledger} />`),
  outlook: () => html`<${Late} key="outlook" from=${OUTLOOK} />`,
  silences: () => html`<${Late} key="silences" from=${SILENCES} />`,
  settings: () => html`<${Settings} />`,
};

function Page() {
  const { page, id } = route.value;
  useEffect(() => { document.title = `${id.slice(0, 60) || page[0].toUpperCase() + page.slice(1)} · Mainstay`; }, [page, id]);
  return PAGES[page]?.(id) ?? html`<${PageHead} title="There is no such page" sentence="The address names something that the console does not know." />`;
}

function App() {
  const user = me.value;
  useEffect(() => {
    if (!user) return undefined;
    connect();
    return disconnect;
  }, [user?.name]);
  if (user === undefined) return html`<p class="boot" role="status">Mainstay is loading…</p>`;
  if (user === null) return html`<${Login} />`;
  return html`<${Shell}><${Page} /><//><${Dialogs} />`;
}

const root = /** @type {HTMLElement} */ (document.getElementById('app'));

async function start() {
  try {
    await whoAmI();
    root.textContent = '';
    render(html`<${App} />`, root);
  } catch (error) {
    root.textContent = '';
    render(html`<main><${Failure} error=${error} retry=${() => location.reload()} /></main>`, root);
  }
}

listen();
start();
