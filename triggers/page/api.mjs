// The API. A function key is exchanged for a session and not kept: the browser has the session's cookie,
// and no script can read it. A token is in this object and nowhere else: not in the document, not in the
// address, in no storage. Requests go to the page's own origin only (connect-src 'self').
import {
  readCluster,
  readClusters,
  readEvents,
  readOperations,
  readTimeline,
} from "./documents.mjs";
import { ServerClock } from "./times.mjs";
import { fields, isDocument, text } from "./values.mjs";

/** @import { SignIn } from "./types.d.ts" */

const TIMEOUT = 30_000;
const SESSION = "/session";

/** The API refused a request, or did not answer (status 0). */
export class ApiError extends Error {
  /**
   * @param {number} status
   * @param {string} title
   * @param {number | null} after the seconds to wait that the API asked for
   */
  constructor(status, title, after = null) {
    super(title);
    this.status = status;
    this.after = after;
  }

  /** Not 403: that comes from the platform, for a caller's network or a stopped app. */
  get isKeyRefused() {
    return this.status === 401;
  }
}

export class Api {
  #prefix;
  #clusters;
  #base = "";
  #token = "";
  #hasSession = false;
  /** @type {SignIn | null} */
  #way = null;
  clock = new ServerClock();

  /**
   * @param {string} prefix the API's, such as `/api`
   * @param {string} clusters what follows it in the addresses of clusters, such as `/clusters`
   */
  constructor(prefix, clusters) {
    this.#prefix = prefix;
    this.#clusters = clusters;
  }

  /** @param {string} name the cluster that is asked for, as it stands in an address */
  choose(name) {
    this.#base = `/${name}`;
  }

  /** @param {SignIn | null} way how callers identify themselves; null: by a key */
  setWay(way) {
    this.#way = way;
  }

  /** @param {string} token */
  setToken(token) {
    this.#token = token;
  }

  get needsKey() {
    return this.#way?.access !== "tokens";
  }

  get needsToken() {
    return this.#way !== null && this.#way.access !== "keys";
  }

  /** Whether a token is needed and missing. */
  get lacksToken() {
    return this.needsToken && this.#token === "";
  }

  /** Whether a session is needed and missing. */
  get lacksSession() {
    return this.needsKey && !this.#hasSession;
  }

  get isSignedIn() {
    return !this.lacksToken && !this.lacksSession;
  }

  /** Asks whether the browser has the cookie of a session. */
  async findSession() {
    if (!this.needsKey) return;
    this.#hasSession = fields(await this.#ask("GET", SESSION)).open === true;
  }

  /** @param {string} key is exchanged for a session */
  async openSession(key) {
    await this.#ask("POST", SESSION, { "x-functions-key": key });
    this.#hasSession = true;
  }

  async closeSession() {
    if (this.#hasSession) await this.#ask("DELETE", SESSION);
  }

  /** Forgets the token, and that there is a session. The session itself goes on. */
  forget() {
    this.#token = "";
    this.#hasSession = false;
  }

  async clusters() {
    return readClusters(await this.#get(""));
  }

  async cluster() {
    return readCluster(await this.#get(this.#base));
  }

  /** @param {number | null} before only operations with a smaller number */
  async operations(before = null) {
    const query = before === null ? "" : `?before=${before}`;
    return readOperations(await this.#get(`${this.#base}/operations${query}`));
  }

  /**
   * @param {number} after
   * @param {number} generation
   */
  async events(after, generation) {
    return readEvents(
      await this.#get(`${this.#base}/events?after=${after}&generation=${generation}`),
    );
  }

  /** @param {number} generation */
  async timeline(generation) {
    return readTimeline(await this.#get(`${this.#base}/timeline?generation=${generation}`));
  }

  /**
   * @param {string} path
   * @returns {Promise<unknown>}
   */
  #get(path) {
    return this.#ask("GET", (this.needsKey ? SESSION : "") + this.#clusters + path);
  }

  /**
   * @param {string} method
   * @param {string} path
   * @param {Record<string, string>} headers
   * @returns {Promise<unknown>}
   */
  async #ask(method, path, headers = {}) {
    const response = await this.#send(method, path, headers);
    const body = await response.json().catch(() => null);
    this.clock.observe(response.headers.get("date"));
    if (!response.ok) {
      const after = Number.parseInt(response.headers.get("retry-after") ?? "", 10);
      const title = text(fields(body).title) || `the API answered ${response.status}`;
      throw new ApiError(response.status, title, Number.isNaN(after) ? null : after);
    }
    if (!isDocument(body)) throw new ApiError(0, "the answer is not from the API");
    return body;
  }

  /**
   * @param {string} method
   * @param {string} path
   * @param {Record<string, string>} headers
   */
  async #send(method, path, headers) {
    try {
      return await fetch(this.#prefix + path, {
        method,
        headers: { ...headers, ...(this.#token && { authorization: `Bearer ${this.#token}` }) },
        cache: "no-store",
        redirect: "error",
        referrerPolicy: "no-referrer",
        signal: AbortSignal.timeout(TIMEOUT),
      });
    } catch (error) {
      // A header cannot hold every character: such a key is a wrong one.
      if (error instanceof TypeError && /header|ISO-8859-1|ByteString/i.test(error.message)) {
        throw new ApiError(401, "not a key");
      }
      throw new ApiError(0, "no answer");
    }
  }
}
