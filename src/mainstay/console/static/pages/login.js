/** The door: paste the token that was shown once, at first start or by an administrator. */
import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import { send, whoAmI } from '../js/api.js';
import { html } from '../js/html.js';
import { forget } from '../js/store.js';
import { State, Text } from '../parts/words.js';

export function Login() {
  const [error, setError] = useState('');
  const [busy, setBusy] = useState(false);
  const field = useRef(/** @type {HTMLInputElement | null} */ (null));
  useLayoutEffect(() => field.current?.focus(), []);
  const submit = async (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    const token = String(new FormData(/** @type {HTMLFormElement} */ (event.currentTarget)).get('token') ?? '').trim();
    setBusy(true);
    setError('');
    try {
      await send('POST', '/session', { token });
      forget();
      await whoAmI();
    } catch (failure) {
      setError(/** @type {Error} */ (failure).message);
    }
    setBusy(false);
  };
  return html`<main class="login" id="main"><form onSubmit=${submit}>
    <span class="brand"><img src="icon.svg" alt="" />Mainstay</span>
    <div><h1>Sign in</h1><p class="muted">The administrator’s token was printed at the first start and lies in <code>admin-token</code> in the data folder. Other people get theirs from an administrator.</p></div>
    <div class="field"><label for="token">Token</label><input id="token" name="token" type="password" autocomplete="current-password" required ref=${field} spellcheck=${false} aria-describedby=${error ? 'refused' : null} /></div>
    ${error && html`<div class="failure" id="refused" role="alert"><${State} is="bad" word="Not signed in" /><p><${Text} value=${error} /></p></div>`}
    <button class="button primary" disabled=${busy}>${busy ? 'Signing in…' : 'Sign in'}</button>
  </form></main>`;
}
