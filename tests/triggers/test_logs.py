"""The output of plays, read in parts."""

from typing import Any

import pytest

from cluster import names
from tests.triggers.sample_answers import Installation, ask, installation
from triggers import logs


def written(app: Installation, text: bytes, play: int = 1) -> None:
    app.store.blobs.append_at(names.run_blob("demo", 1, f"play-{play}.log"), 0, text)


def read(query: str = "") -> dict[str, Any]:
    return ask(logs.get_log, query=query)["body"]


def read_all(start: str = "") -> list[str]:
    parts: list[str] = []
    body = read(f"?after=0{start}")
    while True:
        parts.append(body["text"])
        if not body["more"]:
            return parts
        body = read(f"?after={body['next']}{start}")


def test_an_operation_without_a_play_has_an_empty_log() -> None:
    with installation() as app:
        app.fill()
        body = read()
    assert (body["play"], body["plays"], body["text"], body["more"]) == (0, [], "", False)


def test_the_last_play_is_read_unless_another_one_is_named() -> None:
    with installation() as app:
        app.fill()
        written(app, b"the first\n")
        for play in (2, 10):
            written(app, f"number {play}\n".encode(), play)
        app.store.blobs.append_at(names.run_blob("demo", 1, "play-x.log"), 0, b"other")
        last, first = read(), read("?play=1")
    assert (last["play"], last["plays"], last["text"]) == (10, [1, 2, 10], "number 10\n")
    assert first["text"] == "the first\n"


def test_a_play_that_the_operation_does_not_have_is_not_found() -> None:
    with installation() as app:
        app.fill()
        written(app, b"the first\n")
        answer = ask(logs.get_log, query="?play=3")
    assert answer["status"] == 404
    assert answer["body"]["faults"][0]["allowed"] == "1"


@pytest.mark.parametrize("line", ["plain line {n}\n", "Überprüfe größe {n} 漢字 🚢\n"])
def test_the_parts_together_are_the_log_and_end_with_whole_lines(
    monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    text = "".join(line.format(n=n) for n in range(50))
    with installation() as app:
        app.fill()
        written(app, text.encode())
        for size in (64, 65, 66, 67, 200):
            monkeypatch.setattr(logs, "PART", size)
            parts = read_all()
            assert "".join(parts) == text
            assert all(part.endswith("\n") for part in parts)
            assert max(len(part.encode()) for part in parts) <= size


@pytest.mark.parametrize("character", ["x", "ü", "漢", "🚢"])
def test_a_line_that_is_longer_than_a_part_is_cut_between_characters(
    monkeypatch: pytest.MonkeyPatch, character: str
) -> None:
    text = character * 40
    with installation() as app:
        app.fill()
        written(app, text.encode())
        for size in (5, 6, 7, 8):
            monkeypatch.setattr(logs, "PART", size)
            assert "".join(read_all()) == text


def test_a_character_whose_end_is_not_written_yet_comes_with_its_end() -> None:
    ship = "🚢".encode()
    with installation() as app:
        app.fill()
        written(app, b"one " + ship[:2])
        early = read()
        app.store.blobs.append_at(names.run_blob("demo", 1, "play-1.log"), 6, ship[2:])
        late = read(f"?after={early['next']}")
    assert (early["text"], late["text"]) == ("one ", "🚢")


def test_bytes_that_are_no_text_do_not_stop_the_reader() -> None:
    with installation() as app:
        app.fill()
        written(app, b"\xff\xfe and \x80\x80\x80\x80\x80")
        body = read()
    assert "and" in body["text"]
    assert (body["next"], body["more"]) == (12, False)


def test_a_position_behind_the_end_answers_nothing_new() -> None:
    with installation() as app:
        app.fill()
        written(app, b"text")
        body = read("?after=400")
    assert (body["text"], body["next"], body["more"]) == ("", 400, False)


BASE64 = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC" * 2
PEM = f"-----BEGIN PRIVATE KEY-----\n{BASE64}\n-----END PRIVATE KEY-----"


@pytest.mark.parametrize(
    "secret",
    [
        PEM,
        PEM.replace("\n", "\\n"),
        "abcdef.0123456789abcdef",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
        "https://ada:hunter2@proxy.example/",
    ],
)
def test_what_looks_like_a_secret_is_left_out_and_the_lines_around_it_are_not(secret: str) -> None:
    before, after = "TASK [etcd : Start etcd] ***\n", "\nfatal: [demo-etcd-0]: no space left\n"
    with installation() as app:
        app.fill()
        written(app, f"{before}stdout: {secret}{after}".encode())
        body = read()
    assert body["text"].startswith(before)
    assert body["text"].endswith(after)
    assert not any(part in body["text"] for part in ("MIIE", "0123456789abcdef", "eyJ", "hunter2"))
    assert body["next"] == len(f"{before}stdout: {secret}{after}")
