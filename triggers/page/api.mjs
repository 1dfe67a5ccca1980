// The API with the function key or token, which are in this object and nowhere else: not in the
// document, not in the address, in no storage. Requests go to the page's own origin only (connect-src 'self').
import {
  readCluster,
  readClusters,
  readEvents,
  readOperations,
  readTimeline,
} from "./documents.mjs";
import { ServerClock } from "./times.mjs";
import { fields, isDocument, text } from "./values.mjs";

const TIMEOUT = 30_000;

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
  #base = "";
  #key = "";
  #token = "";
  clock = new ServerClock();

  /** @param {string} prefix such as `/api/clusters` */
  constructor(prefix) {
    this.#prefix = prefix;
  }

  /** @param {string} name the cluster that is asked for, as it stands in an address */
  choose(name) {
    this.#base = `/${name}`;
  }

  /** @param {string} key */
  setKey(key) {
    this.#key = key;
  }

  /** @param {string} token */
  setToken(token) {
    this.#token = token;
  }

  forget() {
    this.#key = this.#token = "";
  }

  get isSignedIn() {
    return this.hasKey || this.#token !== "";
  }

  get hasKey() {
    return this.#key !== "";
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
  async #get(path) {
    const response = await this.#send(path);
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

  #headers() {
    return {
      ...(this.#key && { "x-functions-key": this.#key }),
      ...(this.#token && { authorization: `Bearer ${this.#token}` }),
    };
  }

  /** @param {string} path */
  async #send(path) {
    try {
      return await fetch(this.#prefix + path, {
        headers: this.#headers(),
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
