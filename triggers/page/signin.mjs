// Signs in with Microsoft Entra ID: an authorization code with PKCE (RFC 7636), without a secret. The
// token goes to the caller of `finish` and nowhere else. While Entra ID asks the reader to sign in, the
// tab's session storage holds the address of the page and a verifier, which is worth nothing without
// the code that it was made for. Afterwards it holds that the reader has signed in, and no more: a page
// that is loaded again asks Entra ID for another token, and Entra ID knows its own session.
import { fields, text } from "./values.mjs";

/** @import { SignIn, Returned } from "./types.d.ts" */

const PENDING = "slipway-sign-in";
const SIGNED_IN = "slipway-signed-in";
const ENDING = /\/view\/signed-in\/?$/i;
const TIMEOUT = 30_000;

/**
 * How the API's callers identify themselves; null if it does not say so.
 * @param {string} prefix the API's, such as `/api`
 * @returns {Promise<SignIn | null>}
 */
export async function readSignIn(prefix) {
  try {
    const response = await fetch(`${prefix}/sign-in`, {
      cache: "no-store",
      redirect: "error",
      referrerPolicy: "no-referrer",
      signal: AbortSignal.timeout(TIMEOUT),
    });
    const found = fields(await response.json());
    const authority = text(found.authority);
    if (!response.ok || !authority) return null;
    return { access: text(found.access), authority, clientId: text(found.clientId) };
  } catch {
    return null;
  }
}

/** Remembers, for this tab, that the reader has signed in. */
export function rememberSignIn() {
  sessionStorage.setItem(SIGNED_IN, "yes");
}

export function forgetSignIn() {
  sessionStorage.removeItem(SIGNED_IN);
}

/** Returns once whether the reader has signed in: what fails then is not tried again and again. */
export function takeSignedIn() {
  const found = sessionStorage.getItem(SIGNED_IN) !== null;
  forgetSignIn();
  return found;
}

/**
 * Leaves the page for the sign-in, which ends at `/view/signed-in`.
 * @param {SignIn} way
 * @param {string} prefix
 * @param {{ silently: boolean }} how silently: Entra ID asks the reader nothing, and returns an error if it
 *   would have to
 */
export async function begin(way, prefix, { silently }) {
  const [verifier, state] = [random(), random()];
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier));
  const pending = { verifier, state, path: location.pathname, silently };
  sessionStorage.setItem(PENDING, JSON.stringify(pending));
  const asked = new URLSearchParams({
    client_id: way.clientId,
    response_type: "code",
    response_mode: "query",
    redirect_uri: ending(prefix),
    scope: `${way.clientId}/.default`,
    state,
    code_challenge: encoded(new Uint8Array(digest)),
    code_challenge_method: "S256",
    ...(silently && { prompt: "none" }),
  });
  const address = `${way.authority}/oauth2/v2.0/authorize?${asked}`;
  if (silently) location.replace(address);
  else location.assign(address);
}

/**
 * What the sign-in returned, if the document is at its end; the address becomes the page's again.
 * @returns {Returned | null}
 */
export function takeReturned() {
  if (!ENDING.test(location.pathname)) return null;
  const found = new URLSearchParams(location.search);
  const pending = readPending();
  sessionStorage.removeItem(PENDING);
  const nowhere = location.pathname.replace(ENDING, "/clusters//view");
  history.replaceState(null, "", pending.path || nowhere);
  // Another site may have made the address. Of what it says, nothing is used and nothing is shown.
  if (!pending.state || found.get("state") !== pending.state) {
    const problem = "The sign-in was not begun in this tab: open the page of a cluster again.";
    return { code: "", verifier: "", problem };
  }
  const code = found.get("code") ?? "";
  if (code) return { code, verifier: pending.verifier, problem: "" };
  if (pending.silently) return { code: "", verifier: "", problem: "The sign-in has ended." };
  const told = (found.get("error_description") ?? found.get("error") ?? "").split("\r\n")[0];
  return { code: "", verifier: "", problem: told || "The sign-in returned no code: try again." };
}

/**
 * Exchanges the code for a token.
 * @param {SignIn} way
 * @param {string} prefix
 * @param {Returned} returned
 * @returns {Promise<string>} the token, or "" if the sign-in failed
 */
export async function finish(way, prefix, returned) {
  const body = new URLSearchParams({
    client_id: way.clientId,
    grant_type: "authorization_code",
    code: returned.code,
    redirect_uri: ending(prefix),
    code_verifier: returned.verifier,
    scope: `${way.clientId}/.default`,
  });
  try {
    const response = await fetch(`${way.authority}/oauth2/v2.0/token`, {
      method: "POST",
      body,
      cache: "no-store",
      redirect: "error",
      referrerPolicy: "no-referrer",
      signal: AbortSignal.timeout(TIMEOUT),
    });
    const found = fields(await response.json());
    return response.ok ? text(found.access_token) : "";
  } catch {
    return "";
  }
}

/** @param {string} prefix */
function ending(prefix) {
  return `${location.origin}${prefix}/view/signed-in`;
}

function readPending() {
  try {
    const found = fields(JSON.parse(sessionStorage.getItem(PENDING) ?? "{}"));
    const path = text(found.path);
    const silently = found.silently === true;
    return { verifier: text(found.verifier), state: text(found.state), path, silently };
  } catch {
    return { verifier: "", state: "", path: "", silently: false };
  }
}

function random() {
  return encoded(crypto.getRandomValues(new Uint8Array(32)));
}

/** @param {Uint8Array} bytes */
function encoded(bytes) {
  const text64 = btoa(String.fromCharCode(...bytes));
  return text64.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
