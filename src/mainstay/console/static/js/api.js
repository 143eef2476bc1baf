/** The only way to the server: JSON under /api/v1, the session cookie, one header on writes. */
import { signal } from '@preact/signals';

export const ROOT = '/api/v1';

/** Who is signed in: undefined while unknown, null when nobody. @type {import('@preact/signals').Signal<import('../../types.d.ts').User | null | undefined>} */
export const me = signal(undefined);

/** A refusal or failure of the server in its own words; `status` 0 is no answer at all. */
export class ApiError extends Error {
  /** @param {number} status @param {string} says */
  constructor(status, says) {
    super(says);
    this.status = status;
  }
}

/** @param {Response} response */
async function reason(response) {
  try {
    const body = await response.json();
    return [body.detail, response.status === 401 ? '' : body.hint].filter(Boolean).join('. ') || response.statusText;
  } catch {
    return response.statusText || `The server answered ${response.status}.`;
  }
}

/** @param {string} path @param {RequestInit} [init] */
async function ask(path, init = {}) {
  let response;
  try {
    response = await fetch(ROOT + path, { credentials: 'same-origin', ...init });
  } catch {
    throw new ApiError(0, 'The server does not answer. Is mainstay running, and is this machine connected to it?');
  }
  if (response.ok) return response;
  const says = await reason(response);
  if (response.status === 401 && path !== '/session') me.value = null;
  throw new ApiError(response.status, says);
}

/** The body as text: comparing it is how a refetch that brought nothing new draws nothing. @param {string} path */
export const getText = async (path) => (await ask(path, { headers: { Accept: 'application/json' } })).text();

/** @param {string} path */
export const get = async (path) => JSON.parse(await getText(path));

/** @param {'POST' | 'DELETE' | 'PUT' | 'PATCH'} method @param {string} path @param {unknown} [body] */
export async function send(method, path, body) {
  const response = await ask(path, {
    method,
    headers: { 'Content-Type': 'application/json', 'X-Mainstay': '1' },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const text = await response.text();
  return text ? JSON.parse(text) : null;
}

/** @param {import('../../types.d.ts').UserRole} needed */
export function may(needed) {
  const order = ['viewer', 'responder', 'approver', 'admin'];
  return Boolean(me.value && !me.value.disabled && order.indexOf(me.value.role) >= order.indexOf(needed));
}

/** Ask who is signed in. */
export async function whoAmI() {
  try {
    const session = await get('/session');
    me.value = session.user ?? session;
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) me.value = null;
    else throw error;
  }
}
