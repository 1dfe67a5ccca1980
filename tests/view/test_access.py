"""The page without a mouse, with a screen reader, without motion, and in dark mode."""

from dataclasses import replace
from typing import Any

import pytest
from selenium.webdriver import Keys

from tests.view.browser import Page
from tests.view.runs import KEY, Runs, runs
from tests.view.test_page import SHOWN, show

# Returns the contrast of each text and each shape with what is painted behind it. A canvas converts
# any form of a colour to red, green, blue and opacity.
COLOURS = """
const canvas = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true });
const rgba = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
};
const over = (top, below) =>
    top.slice(0, 3).map((part, i) => part * top[3] + below[i] * (1 - top[3]));
const ground = (node) => {
    const chain = [];
    for (let at = node; at; at = at.parentElement) {
        chain.unshift(rgba(getComputedStyle(at).backgroundColor));
    }
    return chain.reduce((below, top) => over(top, below), [255, 255, 255]);
};
const light = (colour) => {
    const [r, g, b] = colour.map((part) => {
        const share = part / 255;
        return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const contrast = (a, b) => {
    const [high, low] = [light(a), light(b)].sort((x, y) => y - x);
    return (high + 0.05) / (low + 0.05);
};
const seen = (node) => node.checkVisibility() && !node.closest('.visually-hidden');
const hasText = (node) =>
    [...node.childNodes].some((child) => child.nodeType === 3 && child.textContent.trim());
const all = [...document.querySelectorAll('body *')];
const texts = all.filter((node) => seen(node) && hasText(node));
const shapes = [
    ...document.querySelectorAll('.bar:not([hidden]), .ramp > span:not([hidden]), .cell'),
].filter(seen);
const textOf = (node) => {
    const below = ground(node);
    return contrast(over(rgba(getComputedStyle(node).color), below), below);
};
// The visible part of a shape: its background or its border.
const shapeOf = (node) => {
    const [style, below] = [getComputedStyle(node), ground(node.parentElement)];
    const sides = ['Top', 'Right'].filter((side) => parseFloat(style[`border${side}Width`]) > 0);
    const painted = [style.backgroundColor, ...sides.map((side) => style[`border${side}Color`])];
    return Math.max(...painted.map((colour) => contrast(over(rgba(colour), below), below)));
};
const field = document.getElementById('key');
return {
    text: texts.map((node) => [node.textContent.trim().slice(0, 40), textOf(node)]),
    shape: [
        ...shapes.map((node) => [node.className || 'of a ramp', shapeOf(node)]),
        ['the field', shapeOf(field)],
    ],
};
"""
FOCUSED = """
const node = document.activeElement;
return node.id || node.dataset.node || node.closest('[id]')?.id || '';
"""


def failed(found: Runs) -> None:
    found.made.fleet.play = replace(found.made.fleet.play, failing=1)
    found.advance()


def running(found: Runs) -> None:
    found.advance(260)
    found.add_event(text="slow", level="warning", phase="nodes", node="demo-worker-1")


def begun(found: Runs) -> None:
    found.advance(100)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("state", [failed, running, begun])
def test_text_and_shapes_have_enough_contrast(page: Page, state: Any, scheme: str) -> None:
    with runs() as found:
        state(found)
        page.media(prefers_color_scheme=scheme)
        page.open(found.page)
        page.until("document.activeElement.id === 'key'")
        sign_in = page.run(COLOURS)
        page.enter(KEY)
        page.until(SHOWN)
        page.press(Keys.TAB)
        page.one("#events").send_keys(Keys.END)
        page.one("#pools .cell").click()
        shown = page.run(COLOURS)
    assert len(shown["text"]) > 60
    assert len(shown["shape"]) > 20
    faint = [text for text in (*sign_in["text"], *shown["text"]) if text[1] < 4.5]
    assert faint == []
    assert [shape for shape in (*sign_in["shape"], *shown["shape"]) if shape[1] < 3] == []


def test_dark_mode_changes_the_colours(page: Page) -> None:
    with runs() as found:
        page.open(found.page)
        colour = "return getComputedStyle(document.body).backgroundColor"
        page.media(prefers_color_scheme="light")
        light = page.run(colour)
        page.media(prefers_color_scheme="dark")
        assert page.run(colour) != light


def test_tab_visits_every_control_in_order_with_a_visible_focus(page: Page) -> None:
    with runs() as found:
        failed(found)
        show(page, found)
        page.run("document.activeElement.blur(); window.scrollTo(0, 0)")
        stops: list[str] = []
        rings: list[str] = []
        for _ in range(14):
            page.press(Keys.TAB)
            stops.append(page.run(FOCUSED))
            rings.append(page.run("return getComputedStyle(document.activeElement).outlineStyle"))
    pools = ["demo-controller", "demo-control-plane-0", "demo-etcd-0", "demo-worker-0"]
    filters = ["filter-text", "filter-level", "filter-phase", "events"]
    # The chosen node has a button of its own. After the events, the page ends.
    assert stops[:13] == ["skip", "forget", "log-copy", "log", *pools, "node", *filters]
    assert set(rings[:13]) == {"solid"}
    assert stops[13] not in stops[:13]


def test_arrows_move_between_nodes_and_show_their_facts(page: Page) -> None:
    with runs() as found:
        failed(found)
        show(page, found)
        page.run("document.querySelector('[data-node=\"demo-worker-0\"]').focus()")
        page.press(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
        assert page.run(FOCUSED) == "demo-worker-2"
        assert "demo-worker-2" in page.text("#node")
        assert "Reported after" in page.text("#node")
        page.press(Keys.END)
        assert page.run(FOCUSED) == "demo-worker-4"
        page.press(Keys.ARROW_RIGHT)
        assert page.run(FOCUSED) == "demo-worker-4"
        page.press(Keys.HOME)
        chosen = page.all('.cell[aria-selected="true"]')
        assert [cell.get_attribute("data-node") for cell in chosen] == ["demo-worker-0"]
        page.press(Keys.TAB, Keys.ENTER)  # Show its events
        assert page.run("return document.getElementById('filter-text').value") == "demo-worker-0"
        assert page.run(FOCUSED) == "events"
        assert " of " in page.text("#events-count")


def test_arrows_move_between_events_and_show_their_text(page: Page) -> None:
    with runs() as found:
        failed(found)
        long = "a line\n" * 40
        found.add_event(text=long, node="demo-etcd-0", task="the task", level="warning")
        show(page, found)
        page.run("document.getElementById('events').focus()")
        page.press(Keys.END)
        assert page.text("#event pre") == long
        active = "document.getElementById('events').getAttribute('aria-activedescendant')"
        count = int(page.text("#events-count"))
        assert page.run(f"return {active}") == f"event-{count}"
        selected = f"document.getElementById({active}).getAttribute('aria-selected')"
        assert page.run(f"return {selected}") == "true"
        page.press(Keys.HOME)
        page.until(f"{active} === 'event-1'")
        page.press(Keys.ARROW_DOWN)
        assert page.run(f"return {active}") == "event-2"
        page.press(Keys.PAGE_DOWN)
        assert int(page.run(f"return {active}").removeprefix("event-")) > 10
        page.press(Keys.ESCAPE)
        assert not page.one("#event").is_displayed()
        skip = page.one("#skip")
        page.run("arguments[0].focus()", skip)
        page.press(Keys.ENTER)
        assert page.run(FOCUSED) == "events-title"
        assert page.run("return location.hash") == ""


def test_reduced_motion_stops_animations(page: Page) -> None:
    with runs() as found:
        running(found)
        show(page, found)
        moving = "return document.getAnimations().filter((a) => a.playState === 'running').length"
        assert page.run(moving) > 0
        page.media(prefers_reduced_motion="reduce")
        assert page.run(moving) == 0


def test_screen_readers_get_names_states_and_the_end(page: Page) -> None:
    with runs() as found:
        found.advance(260)
        show(page, found)
        tree = page.driver.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
        names = {
            (node["role"]["value"], node.get("name", {}).get("value", ""))
            for node in tree
            if not node.get("ignored")
        }
        assert {
            ("heading", "demo"),
            ("heading", "Timeline"),
            ("heading", "Nodes"),
            ("heading", "Events"),
            ("progressbar", "Progress"),
            ("option", "demo-worker-0, ready"),
            ("listbox", "Nodes of worker"),
            ("listbox", "Events, oldest first"),
            ("searchbox", "Text"),
        } <= names
        unnamed = {
            role for role, name in names if role in ("button", "listbox", "option") and not name
        }
        assert unnamed == set()
        # Only one element announces what changes by itself.
        live = page.run(
            "return [...document.querySelectorAll('#page [aria-live], #page [role=status],"
            " #page [role=alert], #page [role=log]')].map((node) => node.id)"
        )
        assert live == ["announce"]
        rows = page.run("return [...document.querySelectorAll('.row')].map((r) => r.innerText)")
        assert any("network" in row and "done, began after" in row for row in rows)
        assert page.text("#announce") == "demo: phase nodes"
        found.advance()
        page.until("document.getElementById('announce').textContent === 'demo: ready'")
