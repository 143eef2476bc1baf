/** Start: find out who is there, then draw the page that the address names. */
import { render } from 'preact';
import { useEffect } from 'preact/hooks';
import { me, whoAmI } from './api.js';
import { html } from './html.js';
import { listen } from './keys.js';
import { connect, disconnect } from './live.js';
import { route } from './router.js';
import './theme.js';
import { Dialogs } from '../parts/dialog.js';
import { Shell } from '../parts/shell.js';
import { Empty, Failure } from '../parts/words.js';
import { Approvals } from '../pages/approvals.js';
import { IncidentPage } from '../pages/incident.js';
import { Incidents } from '../pages/incidents.js';
import { Login } from '../pages/login.js';

/** @type {Record<string, any>} */
const PAGES = {
  incidents: (/** @type {string} */ id) => (id ? html`<${IncidentPage} key=${id} id=${id} part=${route.value.part} />` : html`<${Incidents} />`),
  approvals: () => html`<${Approvals} />`,
};

function Page() {
  const { page, id } = route.value;
  useEffect(() => { document.title = `${id || page[0].toUpperCase() + page.slice(1)} · Mainstay`; }, [page, id]);
  return PAGES[page]?.(id) ?? html`<${Empty} title="There is no such page"><p>The address names something that the console does not know.</p><//>`;
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
