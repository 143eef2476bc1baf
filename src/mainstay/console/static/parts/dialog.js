/** One dialog and a few short notes. The browser's own `<dialog>` keeps the focus inside and gives it back. */
import { signal } from '@preact/signals';
import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import { html } from '../js/html.js';
import { State, Text } from './words.js';

/** What the dialog shows. @type {import('@preact/signals').Signal<{id: number, draw: () => any} | null>} */
export const current = signal(null);
/** @type {import('@preact/signals').Signal<{id: number, is: string, says: string}[]>} */
const notes = signal([]);
let number = 0;

/** @param {() => any} draw */
export const show = (draw) => { current.value = { id: (number += 1), draw }; };
export const close = () => { current.value = null; };

/** Say what came of an action. @param {string} says @param {string} [is] */
export function note(says, is = 'ok') {
  const id = (number += 1);
  notes.value = [...notes.value.slice(-3), { id, is, says }];
  window.setTimeout(() => { notes.value = notes.value.filter((n) => n.id !== id); }, is === 'bad' ? 12_000 : 6000);
}

export function Dialogs() {
  const ref = useRef(/** @type {HTMLDialogElement | null} */ (null));
  const content = current.value;
  useLayoutEffect(() => {
    const dialog = ref.current;
    if (!dialog) return;
    if (content && !dialog.open) dialog.showModal();
    else if (content) /** @type {HTMLElement | null} */ (dialog.querySelector('[autofocus], input, select, button'))?.focus();
    else if (dialog.open) dialog.close();
  }, [content]);
  // Escape closes the element by itself; only then, and not when one question follows another, is the content dropped.
  return html`<dialog ref=${ref} aria-labelledby="dialog-title" onCancel=${close}>${content && html`<div key=${content.id}>${content.draw()}</div>`}</dialog>
    <div class="toasts" role="status" aria-live="polite">${notes.value.map((n) => html`<div class="toast" key=${n.id}><${State} is=${n.is} word="" /><span><${Text} value=${n.says} /></span></div>`)}</div>`;
}

/** A form in the dialog: one question, one answer, the server's refusal in its place.
 * @param {{title: any, submit: string, act: (form: FormData) => Promise<unknown>, done?: string, danger?: boolean, children?: any}} props */
export function Ask({ title, submit, act, done, danger = false, children }) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState('');
  const onSubmit = async (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    const form = new FormData(/** @type {HTMLFormElement} */ (event.currentTarget)), asked = current.value;
    setBusy(true);
    setError('');
    try {
      await act(form);
      if (current.value === asked) close();
      if (done) note(done);
    } catch (failure) {
      setError(/** @type {Error} */ (failure).message);
    }
    setBusy(false);
  };
  const onKey = (/** @type {KeyboardEvent} */ event) => {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) /** @type {HTMLFormElement} */ (event.currentTarget).requestSubmit();
  };
  return html`<form method="dialog" onSubmit=${onSubmit} onKeyDown=${onKey}>
    <h1 id="dialog-title">${title}</h1>
    ${children}
    ${error && html`<div class="failure" role="alert"><${State} is="bad" word="Refused" /><p><${Text} value=${error} /></p></div>`}
    <footer><button type="button" class="button" onClick=${close}>Cancel</button>
      <button type="submit" class=${`button ${danger ? 'danger' : 'primary'}`} disabled=${busy}>${busy ? 'Sending…' : submit}</button></footer>
  </form>`;
}
