"""apply, plan and delete against an API whose part is played: what is printed, exit codes."""

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from cli import follow
from cli.__main__ import main
from tests.cli.conversation import (
    CLUSTER,
    EVENTS,
    KEY,
    OPERATION,
    Asked,
    Conversation,
    Said,
    accepted,
    cluster,
    event,
    running,
)

ROOT = Path(__file__).parents[2]
type Output = pytest.CaptureFixture[str]


def succeeds_later(talk: Conversation) -> None:
    talk.says("GET", OPERATION, running(), running(), Said(200, {"status": "succeeded"}))
    talk.says("GET", CLUSTER, cluster("running"), cluster("running"), cluster("ready"))
    talk.says(
        "GET",
        EVENTS,
        Said(200, {"generation": 1, "events": [event(1, "run started")], "next": 1}),
        Said(200, {"generation": 1, "events": [], "next": 1}),
        Said(200, {"generation": 1, "events": [event(2, "run succeeded")], "next": 2}),
    )


def test_prints_one_line_an_event_and_succeeds(
    talk: Conversation, spec: str, capsys: Output
) -> None:
    succeeds_later(talk)
    assert main(["apply", "-f", spec]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "03:04:05  nodes       run started",
        "03:04:05  nodes       run succeeded",
        "shop is ready",
    ]
    assert talk.asked[0].body == {"name": "shop", "etcd": {"count": 1}}
    asked = [ask.query for ask in talk.asked if ask.path == EVENTS]
    assert asked == ["after=0&generation=1", "after=1&generation=1", "after=1&generation=1"]


def test_a_cluster_whose_play_stops_early_is_not_simply_ready(
    talk: Conversation, spec: str, capsys: Output
) -> None:
    succeeds_later(talk)
    talk.says("GET", CLUSTER, cluster("ready", stopsAfter="runtime"))
    assert main(["apply", "-f", spec]) == 0
    assert capsys.readouterr().out.splitlines()[2:] == [
        "shop is ready, stops after: runtime",
        "shop is without Kubernetes: its play stops after the stage runtime (playbook.through of "
        "the spec, or the installation's default)",
    ]


def test_a_failure_is_told_once_with_its_code_beside_the_words(
    talk: Conversation, spec: str, capsys: Output
) -> None:
    cause = {"code": "PreflightFailed", "phase": "preflight", "message": "no such size"}
    talk.says("GET", OPERATION, Said(424, {"title": "the operation failed", "cause": cause}))
    talk.says("GET", CLUSTER, cluster("failed", cause=cause))
    told = event(1, "failed in phase preflight: no such size") | {"kind": "run.failed"}
    talk.says("GET", EVENTS, Said(200, {"generation": 1, "events": [told], "next": 1}))
    assert main(["apply", "-f", spec]) == 1
    printed = capsys.readouterr()
    assert "no such size" not in printed.out
    assert printed.err.count("no such size") == 1
    assert "  preflight: no such size (PreflightFailed)" in printed.err.splitlines()


@pytest.mark.parametrize(
    ("public", "told"),
    [(None, "slipway tunnel shop"), ("203.0.113.9", "https://203.0.113.9:6443")],
)
def test_the_way_to_the_api_is_printed_at_the_end(
    talk: Conversation, spec: str, capsys: Output, public: str | None, told: str
) -> None:
    succeeds_later(talk)
    access = {
        "vault": "https://shop.vault.azure.net",
        "kubeconfigSecret": "shop-abc-kubeconfig",
        "apiName": "api.shop.slipway.internal",
        "publicAddress": public,
    }
    talk.says("GET", CLUSTER, cluster("running"), cluster("ready", access=access))
    assert main(["apply", "-f", spec]) == 0
    printed = capsys.readouterr().out.partition("shop is ready\n")[2]
    assert "slipway kubeconfig shop" in printed
    assert told in printed
    assert ("tunnel" in printed) is (public is None)
    assert main(["get", "shop"]) == 0
    assert (public or access["apiName"] or "") in capsys.readouterr().out


def test_json_is_the_last_line_of_output_and_all_else_is_not_in_it(
    talk: Conversation, spec: str, capsys: Output
) -> None:
    succeeds_later(talk)
    assert main(["apply", "-f", spec, "--json"]) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out)["state"] == "ready"
    assert "run succeeded" in printed.err


def test_waits_until_the_record_is_closed(talk: Conversation, spec: str, capsys: Output) -> None:
    talk.says("GET", OPERATION, Said(200, {"status": "succeeded"}))
    talk.says("GET", CLUSTER, cluster("running"), cluster("running"), cluster("ready"))
    assert main(["apply", "-f", spec]) == 0
    assert "shop is ready" in capsys.readouterr().out


def test_a_failure_shows_its_cause_log_and_next_step(
    talk: Conversation, spec: str, capsys: Output
) -> None:
    cause = {
        "code": "PlayFailed",
        "phase": "playbook",
        "place": "shop-etcd-0",
        "message": "etcd did not start",
        "nextStep": "read the log, then apply again",
        "logTail": "line one\nno space left on device",
    }
    problem = {"title": "the operation failed", "detail": cause["message"], "cause": cause}
    talk.says("GET", OPERATION, running(), Said(424, problem))
    talk.says("GET", CLUSTER, cluster("running"), cluster("failed", cause=cause))
    assert main(["apply", "-f", spec, "--json"]) == 1
    printed = capsys.readouterr()
    assert json.loads(printed.out.splitlines()[-1])["cause"]["code"] == "PlayFailed"
    for told in ("playbook, shop-etcd-0: etcd did not start", "| no space left", "next: read the"):
        assert told in printed.err


def test_a_cancelled_run_has_an_exit_code_of_its_own(
    talk: Conversation, spec: str, capsys: Output
) -> None:
    talk.says("GET", OPERATION, Said(409, {"title": "the operation was cancelled"}))
    talk.says("GET", CLUSTER, cluster("cancelled"))
    assert main(["apply", "-f", spec]) == 3
    assert "cancelled" in capsys.readouterr().err


def test_another_operation_that_runs_is_a_refusal_that_names_it(
    talk: Conversation, spec: str, capsys: Output
) -> None:
    busy = {"title": "another operation is running", "detail": "wait", "operation": OPERATION}
    talk.says("PUT", CLUSTER, Said(409, busy))
    assert main(["apply", "-f", spec]) == 2
    assert OPERATION in capsys.readouterr().err


def test_a_refused_spec_shows_every_fault_with_what_is_allowed(
    talk: Conversation, spec: str, capsys: Output
) -> None:
    faults = [
        {"path": "etcd.count", "message": "2 is not possible", "allowed": "1, 3 or 5"},
        {"path": "workers[0].vmSize", "message": "unknown size", "allowed": "a size of Azure"},
        {"path": "frobnicate", "message": "is not a field", "allowed": ""},
    ]
    talk.says("PUT", CLUSTER, Said(400, {"title": "the spec was refused", "faults": faults}))
    assert main(["apply", "-f", spec, "--json"]) == 2
    printed = capsys.readouterr()
    assert json.loads(printed.out)["faults"] == faults
    assert printed.err.splitlines() == [
        f"slipway: using {talk.url}",
        "slipway: the spec was refused",
        f"  {spec}:2: etcd.count: 2 is not possible",
        "      allowed: 1, 3 or 5",
        f"  {spec}: workers[0].vmSize: unknown size",
        "      allowed: a size of Azure",
        f"  {spec}: frobnicate: is not a field",
    ]


@pytest.mark.parametrize("status", [429, 503])
def test_a_request_is_repeated_after_the_time_of_retry_after(
    talk: Conversation, spec: str, status: int, capsys: Output
) -> None:
    talk.says("PUT", CLUSTER, Said(status, {}, {"Retry-After": "0"}), accepted())
    assert main(["apply", "-f", spec, "--no-wait"]) == 0
    assert [ask.method for ask in talk.asked] == ["PUT", "PUT"]
    assert "events shop --follow" in capsys.readouterr().out


def test_gives_up_on_an_api_that_stays_overloaded(
    talk: Conversation, spec: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "PATIENCE_SECONDS", 0.0)
    talk.says("PUT", CLUSTER, Said(503, {"title": "a service is not available"}))
    assert main(["apply", "-f", spec]) == 4
    assert len(talk.asked) == 4


def test_an_app_that_does_not_answer(talk: Conversation, spec: str, capsys: Output) -> None:
    talk.close()
    assert main(["apply", "-f", spec, "--json"]) == 4
    printed = capsys.readouterr()
    assert printed.err.endswith(f"slipway: no answer from {talk.url}: Connection refused\n")
    assert json.loads(printed.out) == {"title": f"no answer from {talk.url}: Connection refused"}


def test_a_wrong_key_says_so(
    talk: Conversation, spec: str, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLIPWAY_KEY", "not-it")
    assert main(["apply", "-f", spec]) == 2
    printed = capsys.readouterr().err
    assert "SLIPWAY_KEY" in printed
    assert "not-it" not in printed


def test_the_key_never_travels_in_clear(
    spec: str, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLIPWAY_URL", "http://slipway.example")
    assert main(["apply", "-f", spec]) == 2
    assert "https" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["- a list", "location: somewhere", "name: 4711", "a: [unclosed"])
def test_a_file_that_is_no_spec_is_refused_before_it_is_sent(
    talk: Conversation, tmp_path: Path, text: str
) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(text, encoding="utf-8")
    assert main(["apply", "-f", str(path)]) == 2
    assert not talk.asked


def test_control_characters_of_an_event_do_not_reach_the_terminal(
    talk: Conversation, spec: str, capsys: Output
) -> None:
    bad = event(1, "first\n\x1b[2Jsecond", "error")
    talk.says("GET", EVENTS, Said(200, {"generation": 1, "events": [bad], "next": 1}))
    talk.says("GET", OPERATION, Said(200, {"status": "succeeded"}))
    talk.says("GET", CLUSTER, cluster("ready"))
    assert main(["apply", "-f", spec]) == 0
    assert capsys.readouterr().out.splitlines()[0].endswith("ERROR first | [2Jsecond")


def test_ctrl_c_leaves_the_run_and_says_how_to_follow_it(talk: Conversation, spec: str) -> None:
    talk.says("GET", CLUSTER, cluster("running"))
    follows = threading.Event()
    talk.on_ask = lambda ask: follows.set() if ask.path == EVENTS else None
    process = subprocess.Popen(
        [sys.executable, "-m", "cli", "apply", "-f", spec],
        cwd=ROOT,
        env=os.environ | {"SLIPWAY_URL": talk.url, "SLIPWAY_KEY": KEY},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert follows.wait(60)
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130
    assert "slipway events shop --follow" in told
    assert "slipway cancel shop" in told
    assert "Traceback" not in told
    assert {ask.method for ask in talk.asked} == {"PUT", "GET"}


def test_plan_shows_names_and_addresses_and_what_would_be_refused(
    talk: Conversation, spec: str, capsys: Output
) -> None:
    node = {"name": "shop-etcd-0", "role": "etcd", "pool": "etcd", "address": "10.0.2.4"}
    document = {
        "name": "shop",
        "group": "shop-rg",
        "location": "westeurope",
        "apiAddress": "10.0.1.254",
        "nodes": [node | {"action": "create"}],
        "deployments": [{"part": "etcd", "template": "arm/cluster/nodes.json", "nodes": 1}],
        "changes": [{"path": "workers[0].count", "before": "2", "after": "3"}],
        "faults": ["Standard_D2s_v5: 4 cores are left"],
    }
    talk.says("PUT", CLUSTER, Said(200, document))
    assert main(["plan", "-f", spec]) == 2
    printed = capsys.readouterr()
    assert "10.0.2.4" in printed.out
    lines = [" ".join(line.split()) for line in printed.out.splitlines()]
    assert "workers[0].count 2 3" in lines
    assert lines[-1] == (
        "1 machine to create, 0 to keep; 1 deployment; 1 changed field; "
        "1 refusal: it would not be applied"
    )
    assert "4 cores are left" in printed.err
    assert [ask.query for ask in talk.asked] == ["plan=true"]


def test_plan_counts_the_nodes_of_an_upgrade(talk: Conversation, spec: str, capsys: Output) -> None:
    node = {"name": "shop-worker-0", "role": "worker", "pool": "worker", "address": "10.0.3.4"}
    document = {"name": "shop", "group": "g", "location": "l", "apiAddress": "10.0.1.254"}
    upgrade = {"before": "1.35", "after": "1.36", "nodes": ["shop-worker-0"]}
    document |= {"nodes": [node | {"action": "upgrade"}], "deployments": [], "upgrade": upgrade}
    talk.says("PUT", CLUSTER, Said(200, document))
    assert main(["plan", "-f", spec]) == 0
    printed = capsys.readouterr().out
    assert "1 node to upgrade to Kubernetes 1.36" in " ".join(printed.split())
    assert "upgrade" in next(line for line in printed.splitlines() if "shop-worker-0" in line)


@pytest.mark.parametrize(
    ("play", "wanted", "absent"),
    [
        ([{"stage": "base", "nodes": ["a", "b", "c", "d", "e"]}], "a, b, c and 2 more", "d, e"),
        ([{"stage": "base", "nodes": ["a", "b"]}], "a, b", "more"),
        ([], "no play", "stage of the play"),
        (None, "", "play"),
    ],
    ids=["many", "few", "none", "an older app"],
)
def test_plan_shows_the_machines_that_a_stage_concerns(
    talk: Conversation, spec: str, capsys: Output, play: Any, wanted: str, absent: str
) -> None:
    document = {"name": "shop", "group": "g", "location": "l", "apiAddress": "10.0.1.254"}
    document |= {"nodes": [], "deployments": []} | ({} if play is None else {"play": play})
    talk.says("PUT", CLUSTER, Said(200, document))
    assert main(["plan", "--full", "-f", spec]) == 0
    printed = capsys.readouterr().out
    assert wanted in printed
    assert absent not in printed
    assert [ask.query for ask in talk.asked] == ["plan=true&full=true"]


def test_a_full_pass_is_asked_for(talk: Conversation, spec: str) -> None:
    succeeds_later(talk)
    assert main(["apply", "--full", "-f", spec]) == 0
    assert talk.asked[0].query == "full=true"


def test_delete_wants_a_yes_where_it_cannot_ask(
    talk: Conversation, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Path(os.devnull).open(encoding="utf-8") as nobody:
        monkeypatch.setattr("sys.stdin", nobody)
        assert main(["delete", "shop"]) == 2
    assert not talk.asked
    assert "--yes" in capsys.readouterr().err


def test_delete_is_followed_to_its_end(talk: Conversation, capsys: Output) -> None:
    talk.says("DELETE", CLUSTER, accepted())
    talk.says("GET", OPERATION, Said(200, {"status": "succeeded"}))
    talk.says("GET", CLUSTER, cluster("deleted", nodes=[]))
    assert main(["delete", "shop", "--yes"]) == 0
    assert "shop is deleted" in capsys.readouterr().out
    assert talk.asked[0] == Asked("DELETE", CLUSTER, "", None)


def test_a_node_is_removed_by_its_name_and_the_run_is_followed(
    talk: Conversation, capsys: Output
) -> None:
    path = f"{CLUSTER}/nodes/shop-worker-1"
    talk.says("DELETE", path, accepted())
    talk.says("GET", OPERATION, Said(200, {"status": "succeeded"}))
    talk.says("GET", CLUSTER, cluster("ready", nodes=[]))
    assert main(["delete-node", "shop", "shop-worker-1", "--force", "--yes"]) == 0
    assert "shop is ready" in capsys.readouterr().out
    assert talk.asked[0] == Asked("DELETE", path, "force=true", None)


def test_a_nodes_removal_wants_a_yes_where_it_cannot_ask(
    talk: Conversation, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Path(os.devnull).open(encoding="utf-8") as nobody:
        monkeypatch.setattr("sys.stdin", nobody)
        assert main(["delete-node", "shop", "shop-worker-1"]) == 2
    assert not talk.asked
    assert "--yes" in capsys.readouterr().err


def test_a_node_that_is_no_worker_is_refused_with_the_reason(
    talk: Conversation, capsys: Output
) -> None:
    problem = {
        "title": "node 'shop-etcd-0' is no worker",
        "detail": "their majority",
        "status": 409,
    }
    talk.says("DELETE", f"{CLUSTER}/nodes/shop-etcd-0", Said(409, problem))
    assert main(["delete-node", "shop", "shop-etcd-0", "--yes"]) == 2
    assert "their majority" in capsys.readouterr().err


def test_a_node_is_replaced_and_the_operation_followed(talk: Conversation, capsys: Output) -> None:
    path = f"{CLUSTER}/nodes/shop-etcd-1/replace"
    talk.says("POST", path, accepted())
    talk.says("GET", OPERATION, Said(200, {"status": "succeeded"}))
    talk.says("GET", CLUSTER, cluster("ready", nodes=[]))
    assert main(["replace-node", "shop", "shop-etcd-1", "--force", "--yes"]) == 0
    assert "shop is ready" in capsys.readouterr().out
    assert talk.asked[0] == Asked("POST", path, "force=true", None)


def test_a_nodes_replacement_wants_a_yes_where_it_cannot_ask(
    talk: Conversation, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Path(os.devnull).open(encoding="utf-8") as nobody:
        monkeypatch.setattr("sys.stdin", nobody)
        assert main(["replace-node", "shop", "shop-worker-1"]) == 2
    assert not talk.asked
    assert "--yes" in capsys.readouterr().err


def test_forget_wants_a_yes_where_it_cannot_ask(
    talk: Conversation, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Path(os.devnull).open(encoding="utf-8") as nobody:
        monkeypatch.setattr("sys.stdin", nobody)
        assert main(["forget", "shop"]) == 2
    assert not talk.asked
    assert "--yes" in capsys.readouterr().err


def test_forget_repeats_the_name_and_says_where_the_record_is(
    talk: Conversation, capsys: Output
) -> None:
    copy = "forgotten/shop/20261129T120000.000000Z.json"
    talk.says("POST", f"{CLUSTER}/forget", Said(200, {"name": "shop", "copiedTo": copy}))
    assert main(["forget", "shop", "--yes"]) == 0
    assert copy in capsys.readouterr().out
    assert [(ask.method, ask.query) for ask in talk.asked] == [("POST", "confirm=shop")]


def test_forget_says_why_a_record_is_kept(talk: Conversation, capsys: Output) -> None:
    problem = {"title": "the record can be read", "detail": "DELETE removes the cluster"}
    talk.says("POST", f"{CLUSTER}/forget", Said(409, problem | {"status": 409}))
    assert main(["forget", "shop", "--yes"]) != 0
    assert "DELETE removes the cluster" in capsys.readouterr().err


def test_an_adoption_names_the_cluster_and_asks_for_it(
    talk: Conversation, spec: str, capsys: Output
) -> None:
    succeeds_later(talk)
    assert main(["adopt", "shop", "-f", spec]) == 0
    assert talk.asked[0].query == "adopt=true"
    assert talk.asked[0].body == {"name": "shop", "etcd": {"count": 1}}
    assert "shop is ready" in capsys.readouterr().out


def test_an_adoption_of_another_cluster_than_the_specs_asks_nothing(
    talk: Conversation, spec: str, capsys: Output
) -> None:
    assert main(["adopt", "another", "-f", spec]) == 2
    assert talk.asked == []
    assert "'shop'" in capsys.readouterr().err
