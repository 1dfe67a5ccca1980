// Times and durations as texts.
import assert from "node:assert/strict";
import { mock, test } from "node:test";
import {
  dateAndTime,
  duration,
  ServerClock,
  seconds,
  stopwatch,
  tickStep,
  timeOfDay,
} from "../../../triggers/page/times.mjs";

test("a time is seconds since 1970, with Z or an offset", () => {
  assert.equal(seconds("1970-01-01T00:01:00Z"), 60);
  assert.equal(seconds("1970-01-01T00:01:00.500000+00:00"), 60.5);
  assert.equal(seconds("1970-01-01T02:01:00+02:00"), 60);
  for (const none of ["", null, undefined, "soon"]) assert.equal(seconds(none), null);
});

test("a duration has two units at most", () => {
  const texts = { "-3": "0 s", 0: "0 s", 59.4: "59 s", 59.6: "1 min 00 s", 125: "2 min 05 s" };
  for (const [length, text] of Object.entries(texts)) assert.equal(duration(Number(length)), text);
  assert.equal(duration(3600), "1 h 00 min");
  assert.equal(duration(100_000), "27 h 46 min");
});

test("a stopwatch shows hours only where there are any", () => {
  const texts = { "-1": "0:00", 8: "0:08", 125: "2:05", 3599.6: "1:00:00", 3840: "1:04:00" };
  for (const [length, text] of Object.entries(texts)) assert.equal(stopwatch(Number(length)), text);
});

test("times are shown in UTC, whatever their offset", () => {
  assert.equal(timeOfDay("2026-11-29T01:30:00+02:00"), "23:30:00");
  assert.equal(dateAndTime("2026-11-29T01:30:00+02:00"), "2026-11-28 23:30:00 UTC");
  for (const none of [null, "", "soon"]) assert.equal(dateAndTime(none) + timeOfDay(none), "");
});

test("an axis has round ticks, and never too many", () => {
  assert.equal(tickStep(1, 9), 1);
  assert.equal(tickStep(60, 9), 10);
  assert.equal(tickStep(3600, 9), 600);
  for (const length of [1, 59, 601, 86_400, 9_000_000]) {
    for (const most of [5, 9]) assert.ok(length / tickStep(length, most) <= most);
  }
});

test("the clock follows the server where this machine's is wrong", () => {
  mock.timers.enable({ apis: ["Date"], now: Date.parse("2026-11-29T12:00:00Z") });
  try {
    const clock = new ServerClock();
    const here = Date.now() / 1000;
    assert.equal(clock.now(), here);
    clock.observe("Sun, 29 Nov 2026 12:10:00 GMT");
    assert.equal(clock.now(), here + 600);
    clock.observe("Sun, 29 Nov 2026 12:00:01 GMT"); // the header has whole seconds
    assert.equal(clock.now(), here);
    clock.observe("Sun, 29 Nov 2026 11:00:00 GMT");
    assert.equal(clock.now(), here - 3600);
    for (const none of [null, "", "noon"]) {
      clock.observe(none);
      assert.equal(clock.now(), here);
    }
  } finally {
    mock.timers.reset();
  }
});
