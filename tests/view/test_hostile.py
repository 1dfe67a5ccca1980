"""Text from machines stays text: it does not run, load anything or become an element."""

import pytest
from selenium.common.exceptions import JavascriptException

from tests.view.browser import Page
from tests.view.runs import runs
from tests.view.test_page import show

HOSTILE = (
    "<img src=x onerror=\"window.hit = 'img'\">",
    "<script>window.hit = 'script'</script>",
    "</script><svg onload=\"window.hit = 'svg'\">",
    "</pre></div><iframe srcdoc='<script>parent.hit = 1</script>'></iframe>",
    "javascript:window.hit=1",
    "{{constructor.constructor('window.hit=1')()}} ${window.hit=1}",
    "\u202egnp.exe \u0000 \U0001f600 \r\n\t \x1b[31mred \u2028 \u2029 \x85 .",
)
TEXT = " ".join(HOSTILE)


def test_hostile_text_is_shown_unchanged_and_has_no_effect(page: Page) -> None:
    with runs() as found:
        found.made.fleet.play = found.made.fleet.play.__class__(
            found.made.fleet.play.hosts, 60.0, 1, 12
        )
        found.advance()
        for text in HOSTILE:
            found.add_event(text=text, node=text, task=text, phase=text, level="error")
        store = found.made.services.store
        known = store.record("demo")
        assert known
        record, etag = known
        assert record.cause
        assert record.operation
        words = ("code", "place", "message", "next_step", "log_tail", "phase")
        slots = (*record.slots[:2], record.slots[2].model_copy(update={"name": TEXT, "pool": TEXT}))
        changed = record.model_copy(
            update={
                "cause": record.cause.model_copy(update=dict.fromkeys(words, TEXT)),
                "operation": record.operation.model_copy(update={"caller": TEXT}),
                "slots": slots,
                "group": TEXT,
                "spec": {"location": TEXT, "kubernetes": {"version": TEXT}},
            }
        )
        store.save_record(changed, etag)
        show(page, found)
        elements = "document.querySelectorAll('img, iframe, svg, script:not([type=module])').length"
        assert page.run(f"return {elements}") == 0
        assert page.run("return document.scripts.length") == 1
        for place in ("#failure-message", "#log", "#pools", "#timeline", "#facts"):
            for text in (*HOSTILE[:5], "window.hit=1"):
                assert text in page.text(place), place
        page.one("#events").send_keys("\ue010")  # End
        assert page.text("#event pre") == HOSTILE[-1]
        chosen = page.one("#pools .cells:last-of-type .cell")
        chosen.click()
        assert page.run("return window.hit") is None
        assert page.console() == []


@pytest.mark.parametrize(
    "attempt",
    [
        "document.body.innerHTML = '<b>x</b>'",
        "document.body.insertAdjacentHTML('beforeend', '<b>x</b>')",
        "document.write('<b>x</b>')",
        "setTimeout('window.hit = 1', 0)",
        # The policy allows scripts from the app itself; the address of one cannot be made of text.
        "document.createElement('script').src = '/api/view/x/other.mjs'",
        "document.createElement('script').text = 'window.hit = 1'",
    ],
)
def test_the_browser_refuses_markup_and_code_made_of_text(page: Page, attempt: str) -> None:
    """Even if the page's own code did that one day."""
    with runs() as found:
        page.open(found.page)
        with pytest.raises(JavascriptException):
            page.run(attempt)


@pytest.mark.parametrize("attempt", ["eval('1')", "new Function('return 1')()"])
def test_the_browser_refuses_to_evaluate_text(page: Page, attempt: str) -> None:
    with runs() as found:
        page.open(found.page)
        # In a timer: code that the driver runs itself may do more than the page's.
        later = (
            f"try {{ {attempt}; window.did = 'ran' }} catch (error) {{ window.did = error.name }}"
        )
        page.run(f"setTimeout(() => {{ {later} }})")
        page.until("window.did")
        assert page.run("return window.did") == "EvalError"


@pytest.mark.parametrize(
    ("attempt", "rule"),
    [
        ("const s = document.createElement('style'); s.append('*{}'); BODY.append(s)", "style-src"),
        ("const i = new Image(); i.src = 'http://127.0.0.1:9/x'", "img-src"),
        ("fetch('http://127.0.0.1:9/x').catch(() => 0)", "connect-src"),
        (
            "const f = document.createElement('form'); f.action = '/x'; BODY.append(f); f.submit()",
            "form-action",
        ),
        (
            "const b = document.createElement('base'); b.href = '/x/'; document.head.append(b)",
            "base-uri",
        ),
        (
            "const f = document.createElement('iframe'); f.src = 'http://127.0.0.1:9/';"
            "BODY.append(f)",
            "frame-src",
        ),
    ],
)
def test_the_policy_blocks_other_sources_and_targets(page: Page, attempt: str, rule: str) -> None:
    with runs() as found:
        page.open(found.page)
        page.run(
            "window.broken = []; document.addEventListener('securitypolicyviolation',"
            " (event) => window.broken.push(event.effectiveDirective));"
        )
        page.run(attempt.replace("BODY", "document.body"))
        page.until(f"window.broken.includes('{rule}') || window.broken.includes('{rule}-elem')")
