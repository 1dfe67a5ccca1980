// Who the reader is: finds a session or a sign-in that goes on, and asks for a key or a sign-in otherwise.
import { ApiError } from "./api.mjs";
import { byId, setText } from "./elements.mjs";
import { begin, finish, forgetSignIn, readSignIn, takeSignedIn } from "./signin.mjs";

/** @import { Api } from "./api.mjs" */
/** @import { Returned, SignIn } from "./types.d.ts" */

export class Entrance {
  #api;
  #prefix;
  #enter;
  #leave;
  #keyField = /** @type {HTMLInputElement} */ (byId("key"));
  /** @type {SignIn | null} */
  #way = null;

  /**
   * @param {Api} api
   * @param {string} prefix the API's, such as `/api`
   * @param {{ enter: () => void, leave: () => void }} calls enter: the reader is known; leave: removes
   *   everything that is shown
   */
  constructor(api, prefix, { enter, leave }) {
    this.#api = api;
    this.#prefix = prefix;
    this.#enter = enter;
    this.#leave = leave;
    byId("key-form").addEventListener("submit", async (event) => {
      event.preventDefault();
      await this.#useKey();
    });
    byId("forget").addEventListener("click", () => this.#signOut());
    byId("token-sign-in").addEventListener("click", async () => {
      if (this.#way !== null) await begin(this.#way, this.#prefix, { silently: false });
    });
  }

  /**
   * Finds out who the reader is, without a question where that is known.
   * @param {Returned | null} ended the end of a sign-in
   * @param {string} notice what the reader has to know first
   */
  async open(ended, notice) {
    this.#way = await readSignIn(this.#prefix);
    this.#api.setWay(this.#way);
    if (this.#way !== null && ended === null && this.#api.needsToken && takeSignedIn() && !notice) {
      await begin(this.#way, this.#prefix, { silently: true });
      return;
    }
    const told = notice || (await this.#useReturned(ended));
    // Without an answer the key is asked for, and the next request says what is wrong.
    if (!told) await this.#api.findSession().catch(() => undefined);
    if (this.#api.isSignedIn) this.#start();
    else this.#showWays();
    showNotice(told);
  }

  /**
   * Forgets who the reader is and everything that was shown, and asks anew.
   * @param {string} notice
   */
  askAgain(notice) {
    forgetSignIn();
    this.#leave();
    showNotice(notice);
    this.#showWays();
  }

  /** Hides the ways in until it is known which of them the reader needs. */
  hide() {
    byId("token-sign-in").hidden = byId("key-form").hidden = true;
  }

  /** Shows how to identify oneself: first the sign-in, then the key, each where it is needed. */
  #showWays() {
    const button = byId("token-sign-in");
    button.hidden = !this.#api.lacksToken;
    byId("key-form").hidden = this.#api.lacksToken || !this.#api.lacksSession;
    (this.#api.lacksToken ? button : this.#keyField).focus();
  }

  /**
   * Exchanges what a sign-in returned for a token.
   * @param {Returned | null} ended
   * @returns {Promise<string>} why there is none, or ""
   */
  async #useReturned(ended) {
    if (ended === null) return "";
    if (this.#way === null || ended.code === "") {
      return ended.problem || "The API takes no sign-in.";
    }
    const token = await finish(this.#way, this.#prefix, ended);
    this.#api.setToken(token);
    return token ? "" : "The sign-in failed. Sign in again.";
  }

  #start() {
    showNotice("");
    setText(byId("key-status"), "Loading…");
    this.#enter();
  }

  /** Exchanges the key in the field for a session. */
  async #useKey() {
    const key = this.#keyField.value.trim();
    this.#keyField.value = "";
    if (!key) return;
    showNotice("");
    setText(byId("key-status"), "Loading…");
    try {
      await this.#api.openSession(key);
    } catch (error) {
      const refused = error instanceof ApiError ? error : new ApiError(0, `${error}`);
      const why = refused.isKeyRefused
        ? "rejected this key"
        : `gave no session: ${refused.message}`;
      setText(byId("key-status"), "");
      showNotice(`The API ${why}.`);
      this.#keyField.focus();
      return;
    }
    this.#start();
  }

  async #signOut() {
    const closed = this.#api.closeSession();
    this.askAgain("");
    await closed.catch(() =>
      showNotice("The session could not be ended. It ends by itself, after eight hours at most."),
    );
  }
}

/** @param {string} notice */
function showNotice(notice) {
  setText(byId("key-notice"), notice);
  byId("key-notice").hidden = !notice;
}
