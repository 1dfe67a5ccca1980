import { ServerClock } from "./times.mjs";

// The API with the key, which is in this object and nowhere else: not in the document, not in the
// address, in no storage. Requests go to the page's own origin only (connect-src 'self').

const TIMEOUT = 30_000;

/** What the API refused, or that it did not answer (status 0). `after`: seconds it asked to wait. */
export class ApiError extends Error {
  constructor(status, title, after = null) {
    super(title);
    this.status = status;
    this.after = after;
  }

  /** Not 403: that is the platform's, of a caller's network or a stopped app, and says nothing of keys. */
  get isKeyRefused() {
    return this.status === 401;
  }
}

export class Api {
  #base;
  #key = "";
  clock = new ServerClock();

  /** `base`: `/api/clusters/NAME`. */
  constructor(base) {
    this.#base = base;
  }

  take(key) {
    this.#key = key;
  }

  forget() {
    this.#key = "";
  }

  get hasKey() {
    return this.#key !== "";
  }

  cluster() {
    return this.#get("");
  }

  events(after, generation) {
    return this.#get(`/events?after=${after}&generation=${generation}`);
  }

  timeline(generation) {
    return this.#get(`/timeline?generation=${generation}`);
  }

  async #get(path) {
    const answer = await this.#send(path);
    const told = await answer.json().catch(() => null);
    this.clock.heard(answer.headers.get("date"));
    if (!answer.ok) {
      const after = Number.parseInt(answer.headers.get("retry-after") ?? "", 10);
      const title = told?.title ?? `the API answered ${answer.status}`;
      throw new ApiError(answer.status, String(title), Number.isNaN(after) ? null : after);
    }
    if (told === null) throw new ApiError(0, "the answer is no JSON");
    return told;
  }

  async #send(path) {
    try {
      return await fetch(this.#base + path, {
        headers: { "x-functions-key": this.#key },
        cache: "no-store",
        redirect: "error",
        referrerPolicy: "no-referrer",
        signal: AbortSignal.timeout(TIMEOUT),
      });
    } catch (error) {
      // A header cannot hold every character: such a key is a wrong one.
      if (error instanceof TypeError && /header|ISO-8859-1/i.test(error.message)) throw new ApiError(401, "not a key");
      throw new ApiError(0, "no answer");
    }
  }
}
