import { modeOf } from '../rollout/mode.js';
import { connect, isBrowser, type Holdfast } from '../session/connect.js';
import { browserId, localText } from '../session/identity.js';
import { LocalCopies } from '../session/local-copy.js';
import { stateOf, statePath, storeOf, storePath, type StateAnswer } from '../session/store-state.js';
import { dropInSettings } from './settings.js';

let session: Holdfast | undefined;

/**
 * The page's connection, made when the first store asks for it, with the state of all stores already there: stores in
 * localStorage are read while their modules are evaluated, and what they write at that moment must not be defaults.
 * None on the server side of an app.
 */
export function dropInSession(): Holdfast | undefined {
  if (!isBrowser() || typeof XMLHttpRequest === 'undefined') return undefined;
  session ??= open();
  return session;
}

function open(): Holdfast {
  const { url = '/_holdfast', token, clientId, mode: choice = 'server' } = dropInSettings();
  const texts = localText();
  const browser = clientId ?? browserId(texts);
  const mode = modeOf(choice, browser);
  const options = { url, token, clientId: browser, mode };
  // In the other modes the browser's own copy is what counts.
  if (mode !== 'server') return connect(options);
  const ask = (path: string) => askNow(url + path, token, browser);
  const { status, body } = ask(statePath(new LocalCopies(texts).cursor, browser));
  const seed = status === 200 ? stateOf(body as unknown as StateAnswer, browser) : null;
  const readNow = (name: string) => storeOf(ask(storePath(name, browser)), name, browser);
  return connect({ ...options, seed, readNow });
}

/** A request that the page waits for; status 0 when there was no answer. One of a few milliseconds, once per page. */
function askNow(url: string, token: string | undefined, client: string) {
  const request = new XMLHttpRequest();
  try {
    request.open('GET', url, false);
    request.setRequestHeader('Holdfast-Client', client);
    if (token !== undefined) request.setRequestHeader('Authorization', `Bearer ${token}`);
    request.send();
    return { status: request.status, body: JSON.parse(request.responseText) as Record<string, unknown> };
  } catch {
    return { status: 0, body: {} };
  }
}
