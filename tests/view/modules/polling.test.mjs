// The API's answers and refusals, and when it is asked again.
import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { Api, ApiError } from "../../../triggers/page/api.mjs";
import { backOff, Poller } from "../../../triggers/page/poller.mjs";

/** @type {{ url: string, options: any }[]} */
let asked = [];
/** @type {() => Response} */
let answer = () => Response.json({});
const page = Object.assign(new EventTarget(), { hidden: false });

beforeEach(() => {
  asked = [];
  answer = () => Response.json({});
  page.hidden = false;
  mock.timers.enable({ apis: ["setTimeout"] });
  mock.method(
    globalThis,
    "fetch",
    async (/** @type {string} */ url, /** @type {object} */ options) => {
      asked.push({ url, options });
      return answer();
    },
  );
  Object.defineProperty(globalThis, "document", { value: page, configurable: true });
});

afterEach(() => {
  mock.restoreAll();
  mock.timers.reset();
  Reflect.deleteProperty(globalThis, "document");
});

function makeApi() {
  const api = new Api("/api", "/clusters");
  api.choose("demo");
  return api;
}

/** Lets every promise that is ready go on. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

test("the key is exchanged for a session, and the requests after that do not have it", async () => {
  const api = makeApi();
  await api.openSession("the-key");
  await api.events(7, 3);
  assert.deepEqual(
    asked.map((one) => [one.options.method, one.url]),
    [
      ["POST", "/api/session"],
      ["GET", "/api/session/clusters/demo/events?after=7&generation=3"],
    ],
  );
  assert.deepEqual(asked[0]?.options.headers, { "x-functions-key": "the-key" });
  const { signal, ...options } = asked[1]?.options ?? {};
  assert.ok(signal instanceof AbortSignal);
  assert.deepEqual(options, {
    method: "GET",
    headers: {},
    cache: "no-store",
    redirect: "error",
    referrerPolicy: "no-referrer",
  });
});

test("where tokens replace keys there is no session, and the token is sent and forgotten", async () => {
  const api = makeApi();
  api.setWay({ access: "tokens", authority: "https://login.example", clientId: "id" });
  await api.findSession();
  await api.closeSession();
  assert.equal(asked.length, 0);
  assert.equal(api.isSignedIn, false);
  api.setToken("a.b.c");
  assert.equal(api.isSignedIn, true);
  await api.events(0, 1);
  api.forget();
  assert.equal(api.isSignedIn, false);
  await api.events(0, 1);
  assert.deepEqual(
    asked.map((one) => [one.url, one.options.headers]),
    [
      ["/api/clusters/demo/events?after=0&generation=1", { authorization: "Bearer a.b.c" }],
      ["/api/clusters/demo/events?after=0&generation=1", {}],
    ],
  );
});

test("where both are needed, the session and the token are", async () => {
  const api = makeApi();
  api.setWay({ access: "keys-and-tokens", authority: "https://login.example", clientId: "id" });
  api.setToken("a.b.c");
  assert.deepEqual([api.lacksToken, api.lacksSession, api.isSignedIn], [false, true, false]);
  await api.openSession("the-key");
  assert.deepEqual(asked[0]?.options.headers, {
    "x-functions-key": "the-key",
    authorization: "Bearer a.b.c",
  });
  assert.equal(api.isSignedIn, true);
});

test("a session is found only if the answer says so", async () => {
  const api = makeApi();
  for (const open of [undefined, null, "true", 1, false]) {
    answer = () => Response.json({ open });
    await api.findSession();
    assert.equal(api.isSignedIn, false);
  }
  answer = () => Response.json({ open: true });
  await api.findSession();
  assert.equal(api.isSignedIn, true);
});

test("a refused key opens no session", async () => {
  const api = makeApi();
  answer = () => new Response("", { status: 401 });
  await assert.rejects(api.openSession("wrong"), { status: 401 });
  assert.equal(api.isSignedIn, false);
});

test("a refusal has its status, its title and the time to wait", async () => {
  /** @type {[unknown, ResponseInit, object][]} */
  const refusals = [
    [
      { title: "busy" },
      { status: 503, headers: { "retry-after": "6" } },
      { status: 503, message: "busy", after: 6 },
    ],
    [
      { title: { a: 1 } },
      { status: 500 },
      { status: 500, message: "the API answered 500", after: null },
    ],
    [
      [],
      { status: 404, headers: { "retry-after": "soon" } },
      { status: 404, message: "the API answered 404", after: null },
    ],
    [null, { status: 401 }, { status: 401, message: "the API answered 401", after: null }],
  ];
  for (const [body, options, wanted] of refusals) {
    answer = () => Response.json(body, options);
    await assert.rejects(makeApi().cluster(), wanted);
  }
  assert.equal(new ApiError(401, "").isKeyRefused, true);
  assert.equal(new ApiError(403, "").isKeyRefused, false);
});

test("an answer that is no document is not the API's", async () => {
  for (const body of ["null", "[]", "7", '"text"', "<html>", ""]) {
    answer = () => new Response(body);
    await assert.rejects(makeApi().timeline(1), {
      status: 0,
      message: "the answer is not from the API",
    });
  }
});

test("an API that does not answer has no status", async () => {
  answer = () => {
    throw new TypeError("Failed to fetch");
  };
  await assert.rejects(makeApi().cluster(), { status: 0, message: "no answer" });
});

test("a key that no header can hold is a wrong key", async () => {
  answer = () => {
    throw new TypeError("Cannot convert argument to a ByteString");
  };
  await assert.rejects(makeApi().cluster(), { status: 401 });
});

test("the pause doubles, is never longer than a minute, and is as long as the API asks", () => {
  for (const [random, share] of [
    [0, 0.75],
    [0.999999, 1.25],
  ]) {
    mock.method(Math, "random", () => random);
    for (const [failures, seconds] of [
      [1, 2],
      [2, 4],
      [5, 32],
    ]) {
      const pause = backOff(failures ?? 0, null);
      assert.ok(Math.abs(pause - (seconds ?? 0) * (share ?? 0)) < 0.01);
    }
    assert.ok(backOff(50, null) <= 60);
    assert.ok(backOff(1, 30) >= 30);
    assert.equal(backOff(1, 9000), 60);
  }
});

test("polling goes on after each answer and after each failure", async () => {
  /** @type {(number | Error)[]} */
  const results = [3, new ApiError(503, "busy", 20), 3];
  const pauses = /** @type {number[]} */ ([]);
  let polls = 0;
  const poller = new Poller(
    async () => {
      const result = results[polls++] ?? 3;
      if (result instanceof Error) throw result;
      return result;
    },
    (_, pause) => pauses.push(pause) > 0,
  );
  poller.start();
  const after = async (/** @type {number} */ seconds) => {
    mock.timers.tick(seconds * 1000);
    await settle();
    return polls;
  };
  assert.deepEqual([await after(0), await after(2.9), await after(0.2)], [1, 1, 2]);
  assert.deepEqual(pauses, [20]);
  assert.deepEqual([await after(19), await after(1.1)], [2, 3]);
  poller.stop();
  assert.equal(await after(100), 3);
});

test("a hidden page does not poll, and polls at once when it is visible again", async () => {
  let polls = 0;
  const poller = new Poller(
    async () => {
      polls += 1;
      return 3;
    },
    () => true,
  );
  page.hidden = true;
  poller.start();
  mock.timers.tick(10_000);
  await settle();
  assert.equal(polls, 0);
  page.hidden = false;
  page.dispatchEvent(new Event("visibilitychange"));
  mock.timers.tick(0);
  await settle();
  assert.equal(polls, 1);
  poller.stop();
  page.dispatchEvent(new Event("visibilitychange"));
  mock.timers.tick(10_000);
  await settle();
  assert.equal(polls, 1);
});

test("an answer to an ended session is not the next one's", async () => {
  /** @type {((result: number) => void)[]} */
  const waiting = [];
  /** @type {boolean[]} */
  const current = [];
  let errors = 0;
  const poller = new Poller(
    async (isCurrent) => {
      const result = await new Promise((resolve) => waiting.push(resolve));
      current.push(isCurrent());
      if (result < 0) throw new ApiError(401, "");
      return result;
    },
    () => ++errors > 0,
  );
  poller.start();
  mock.timers.tick(0);
  poller.stop();
  poller.start();
  mock.timers.tick(0);
  waiting[0]?.(-1);
  waiting[1]?.(3);
  await settle();
  assert.deepEqual([current, errors], [[false, true], 0]);
});
