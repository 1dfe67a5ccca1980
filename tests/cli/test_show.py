"""get, events, cancel, and the picture of a run."""

import io
import json

import pytest
import yaml
from rich.console import Console

from cli import follow
from cli.__main__ import main
from cli.progress import picture
from cluster.api import ClusterDetail
from tests.cli.conversation import (
    CLUSTER,
    EVENTS,
    OPERATION,
    Conversation,
    Said,
    cancelling,
    cluster,
    event,
    running,
)

type Output = pytest.CaptureFixture[str]


def test_get_lists_clusters(talk: Conversation, capsys: Output) -> None:
    rows = [{"name": "shop", "state": "failed", "group": "shop-rg", "cause": "PlayFailed"}]
    talk.says("GET", "/api/clusters", Said(200, {"clusters": rows}))
    assert main(["get"]) == 0
    assert "PlayFailed" in capsys.readouterr().out


def test_the_list_names_the_stage_after_which_a_play_stops(
    talk: Conversation, capsys: Output
) -> None:
    row = {"name": "shop", "state": "ready", "group": "shop-rg", "stopsAfter": "etcd"}
    talk.says("GET", "/api/clusters", Said(200, {"clusters": [row]}))
    assert main(["get"]) == 0
    assert "ready, stops after: etcd" in capsys.readouterr().out


def test_the_wide_list_says_which_clusters_have_no_kubernetes(
    talk: Conversation, capsys: Output
) -> None:
    row = {"name": "shop", "state": "ready", "stopsAfter": "etcd", "kubernetes": None, "nodes": 4}
    talk.says("GET", "/api/clusters", Said(200, {"clusters": [row]}))
    assert main(["get", "-o", "wide"]) == 0
    words = capsys.readouterr().out.split()
    assert words[words.index("none") + 1] == "4"


def test_a_cluster_without_kubernetes_has_no_version_of_it(
    talk: Conversation, capsys: Output
) -> None:
    spec = {"kubernetes": {"version": "1.36"}}
    talk.says("GET", CLUSTER, cluster("ready", spec=spec, stopsAfter="etcd"))
    assert main(["get", "shop"]) == 0
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert "kubernetes 1.36, not installed" in lines
    assert "shop ready, stops after: etcd" in lines


def test_the_list_says_what_to_do_about_a_cluster_that_the_app_cannot_read(
    talk: Conversation, capsys: Output
) -> None:
    row = {"name": "shop", "state": "unreadable", "cause": "UnreadableDocument"}
    talk.says("GET", "/api/clusters", Said(200, {"clusters": [row]}))
    assert main(["get"]) == 0
    shown = capsys.readouterr()
    assert "UnreadableDocument" in shown.out
    assert "'slipway get NAME' says which fields" in shown.err
    assert main(["get", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["clusters"] == [row]


def test_get_shows_one_cluster_whole_with_the_cause_of_its_failure(
    talk: Conversation, capsys: Output
) -> None:
    cause = {
        "code": "NodeSilent",
        "phase": "nodes",
        "place": "shop-etcd-0",
        "message": "no report",
        "logTail": "cloud-init: package not found",
        "nextStep": "apply again",
    }
    more = {
        "group": "shop-rg",
        "spec": {"location": "westeurope", "kubernetes": {"version": "1.36"}},
        "startedAt": "2026-01-02T03:04:05.678+00:00",
        "caller": "somebody@example.org",
        "operation": OPERATION,
        "checks": [{"name": "etcd on shop-etcd-0", "ok": False, "detail": "no quorum"}],
        "note": "one message was not posted",
    }
    talk.says("GET", CLUSTER, cluster("failed", cause=cause, **more))
    assert main(["get", "shop"]) == 0
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    for told in (
        "shop failed",
        "group shop-rg in westeurope",
        "kubernetes 1.36",
        "started 2026-01-02 03:04:05 UTC by somebody@example.org",
        f"operation {OPERATION}",
        "shop-etcd-0 etcd etcd 10.0.2.4 ready",
        "✘ etcd on shop-etcd-0: no quorum",
        "nodes, shop-etcd-0: no report (NodeSilent)",
        "| cloud-init: package not found",
        "next: apply again",
        "note: one message was not posted",
    ):
        assert told in lines


def test_get_of_an_unknown_cluster_is_a_refusal(talk: Conversation, capsys: Output) -> None:
    talk.says("GET", CLUSTER, Said(404, {"title": "no cluster 'shop'"}))
    assert main(["get", "shop", "--json"]) == 2
    printed = capsys.readouterr()
    assert json.loads(printed.out) == {"title": "no cluster 'shop'"}
    assert printed.err == "slipway: no cluster 'shop'\n"


def test_something_else_behind_the_url_is_not_taken_for_the_api(
    talk: Conversation, capsys: Output
) -> None:
    talk.says("GET", "/api/clusters", Said(200))
    assert main(["get"]) == 1
    assert "not Slipway's API" in capsys.readouterr().err


def test_a_watcher_outlives_a_restart_of_the_app(
    talk: Conversation, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk.says("GET", EVENTS, Said(200, {"generation": 1, "events": [event(1, "one")], "next": 1}))
    away = [Said(status, {}, {"Retry-After": "0"}) for status in (502, *[503] * 4, 504)]
    talk.says("GET", CLUSTER, cluster("running"), *away, cluster("ready"))
    talk.says("GET", OPERATION, Said(200, {"status": "succeeded"}))
    assert main(["events", "shop", "--follow"]) == 0
    assert "trying again" in capsys.readouterr().err

    monkeypatch.setattr(follow, "PATIENCE_SECONDS", 0.0)
    talk.says("GET", CLUSTER, Said(503))
    assert main(["events", "shop", "--follow"]) == 4


def test_events_follow_until_the_run_ends(talk: Conversation, capsys: Output) -> None:
    talk.says("GET", CLUSTER, cluster("running"), cluster("ready"))
    talk.says("GET", OPERATION, running(), Said(200, {"status": "succeeded"}))
    talk.says(
        "GET",
        EVENTS,
        Said(200, {"generation": 1, "events": [event(1, "one")], "next": 1}),
        Said(200, {"generation": 1, "events": [], "next": 1}),
        Said(200, {"generation": 1, "events": [event(2, "two")], "next": 2}),
    )
    assert main(["events", "shop", "--follow", "--json"]) == 0
    told = [json.loads(line)["text"] for line in capsys.readouterr().out.splitlines()]
    assert told == ["one", "two"]


@pytest.mark.parametrize(("status", "code"), [(200, 0), (424, 1), (409, 3)])
def test_events_that_are_followed_end_with_the_exit_code_of_the_run(
    talk: Conversation, capsys: Output, status: int, code: int
) -> None:
    talk.says("GET", CLUSTER, cluster("failed"))
    talk.says("GET", EVENTS, Said(200, {"generation": 1, "events": [event(1, "one")], "next": 1}))
    talk.says("GET", OPERATION, Said(status, {"title": "how it ended"}))
    assert main(["events", "shop", "--follow", "--json"]) == code
    printed = capsys.readouterr()
    assert ("how it ended" in printed.err) is bool(code)
    assert json.loads(printed.out.splitlines()[0])["text"] == "one"
    assert main(["events", "shop"]) == 0


def test_events_of_an_earlier_operation_end_with_the_exit_code_of_that_one(
    talk: Conversation, capsys: Output
) -> None:
    earlier = OPERATION.replace("/1", "/2")
    talk.says("GET", CLUSTER, cluster("running", generation=3))
    talk.says("GET", EVENTS, Said(200, {"generation": 2, "events": [event(1, "a")], "next": 1}))
    talk.says("GET", earlier, Said(424, {"title": "it failed"}))
    assert main(["events", "shop", "--operation", "2", "--follow"]) == 1
    assert talk.asked[0].query == "after=0&generation=2"


def test_get_prints_the_answer_in_each_form(talk: Conversation, capsys: Output) -> None:
    row = {"name": "shop", "state": "failed", "group": "shop-rg", "cause": "PlayFailed"}
    row |= {"generation": 7, "updatedAt": "2026-01-02T03:04:05.678+00:00"}
    row |= {"kubernetes": "1.35", "nodes": 11}
    talk.says("GET", "/api/clusters", Said(200, {"clusters": [row]}))
    shown: dict[str, str] = {}
    for form in ("table", "wide", "json", "yaml"):
        assert main(["get", "-o", form]) == 0
        shown[form] = capsys.readouterr().out
    assert json.loads(shown["json"])["clusters"] == [row]
    assert yaml.safe_load(shown["yaml"]) == json.loads(shown["json"])
    assert "2026-01-02T03:04:05" in shown["wide"]
    assert "2026-01-02T03:04:05" not in shown["table"]
    for fact in ("1.35", "11"):
        assert (fact in shown["wide"], fact in shown["table"]) == (True, False)
    assert main(["get"]) == 0
    assert capsys.readouterr().out == shown["table"]
    assert main(["get", "--json"]) == 0
    assert capsys.readouterr().out == shown["json"]


def test_names_that_do_not_fit_are_not_cut(
    talk: Conversation, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    node = {"role": "control-plane", "pool": "control-plane", "address": "10.0.2.4"}
    names = [f"a-name-of-twenty-chars-control-plane-{n}" for n in range(3)]
    nodes = [node | {"name": name, "state": "ready"} for name in names]
    talk.says("GET", CLUSTER, cluster("ready", nodes=nodes))
    assert main(["get", "shop"]) == 0
    told = capsys.readouterr().out
    assert "…" not in told
    assert max(map(len, told.splitlines())) <= 60
    assert main(["get", "shop", "-o", "wide"]) == 0
    wide = capsys.readouterr().out
    assert all(name in wide for name in names)


def test_the_wide_table_of_nodes_has_the_version_of_each(
    talk: Conversation, capsys: Output
) -> None:
    node = {"role": "worker", "pool": "worker", "address": "10.0.2.4", "state": "ready"}
    nodes = [
        node | {"name": "shop-a-0", "kubernetesVersion": "1.37.1"},
        node | {"name": "shop-a-1"},
    ]
    talk.says("GET", CLUSTER, cluster("ready", nodes=nodes))
    assert main(["get", "shop"]) == 0
    assert "1.37.1" not in capsys.readouterr().out
    assert main(["get", "shop", "-o", "wide"]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines() if "shop-a-" in line]
    assert [row[-1] for row in rows] == ["1.37.1", "-"]


@pytest.mark.parametrize("text", ["2 nodes ready", "2 nodes ready: shop-a-0, shop-a-1"])
def test_an_event_shows_the_names_of_its_nodes_once(
    talk: Conversation, capsys: Output, text: str
) -> None:
    """Older versions have the names in the text, too."""
    found = event(1, text) | {"nodes": ["shop-a-0", "shop-a-1"]}
    talk.says("GET", CLUSTER, cluster("ready"))
    talk.says("GET", EVENTS, Said(200, {"generation": 1, "events": [found], "next": 1}))
    assert main(["events", "shop"]) == 0
    assert "  2 nodes ready: shop-a-0, shop-a-1\n" in capsys.readouterr().out


def test_cancel_is_asked_and_not_waited_for(talk: Conversation, capsys: Output) -> None:
    talk.says("POST", f"{CLUSTER}/cancel", cancelling())
    assert main(["cancel", "shop"]) == 0
    assert len(talk.asked) == 1
    assert "events shop --follow" in capsys.readouterr().out


@pytest.mark.parametrize("started", ["soon", "2026-01-02T03:04:05", "2026-01-02"])
def test_a_picture_of_a_phase_with_an_odd_time_has_the_apis_seconds(started: str) -> None:
    phase = {"name": "machines", "state": "running", "startedAt": started, "seconds": 7.5}
    stream = io.StringIO()
    document = cluster("running", phases=[phase]).body
    Console(file=stream, width=100).print(picture(ClusterDetail.model_validate(document)))
    assert "machines 7.5 s" in stream.getvalue()


def test_a_picture_has_phases_nodes_by_pool_and_the_task() -> None:
    node = {"role": "worker", "pool": "batch", "address": "10.0.16.4"}
    document = cluster(
        "running",
        nodes=[
            node | {"name": "a", "state": "ready"},
            node | {"name": "b", "state": "waiting"},
        ],
        play={"stage": "etcd", "task": "Start etcd", "host": "[shop]-etcd-0"},
    ).body
    stream = io.StringIO()
    Console(file=stream, width=100).print(picture(ClusterDetail.model_validate(document)))
    lines = [line.strip() for line in stream.getvalue().splitlines()]
    assert lines == [
        "shop  running  50 %",
        "✔ plan 0.4 s",
        "batch ■ ▣  1/2",
        "Ansible: etcd  Start etcd  [shop]-etcd-0",
    ]
