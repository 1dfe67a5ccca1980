"""What is kept of a play: nothing that is not certain."""

from datetime import date, timedelta

from cluster.applied import AppliedStages
from cluster.model import read_stored

TODAY = date(2026, 11, 30)


def applied(**stages: dict[str, tuple[str, ...]]) -> AppliedStages:
    found = AppliedStages(uid="u", generation=1)
    for stage, nodes in stages.items():
        found = found.after(stage, nodes, (), TODAY)
    return found


def known(found: AppliedStages, stage: str) -> dict[str, str]:
    return found.fingerprint(stage, TODAY, None)


def test_an_ended_stage_is_kept_for_the_machines_that_did_not_fail() -> None:
    found = AppliedStages().after("base", {"f1": ("a", "b"), "f2": ("c", "d")}, ("b", "d"), TODAY)
    assert known(found, "base") == {"a": "f1", "c": "f2"}


def test_a_machine_has_one_fingerprint_in_a_stage() -> None:
    found = applied(base={"f1": ("a", "b")}).after("base", {"f2": ("b",)}, (), TODAY)
    later = found.after("base", {"f1": ("b",)}, (), TODAY + timedelta(days=1))
    assert known(found, "base") == {"a": "f1", "b": "f2"}
    assert later.fingerprint("base", TODAY + timedelta(days=1), None) == {"a": "f1", "b": "f1"}
    assert sum(len(entry.nodes) for entry in later.entries) == 2


def test_a_machine_that_fails_later_loses_its_fingerprint() -> None:
    found = applied(base={"f1": ("a", "b")}).after("base", {"f1": ("a", "b")}, ("a",), TODAY)
    assert known(found, "base") == {"b": "f1"}


def test_a_play_that_begins_forgets_its_machines_in_its_stages_only() -> None:
    found = applied(base={"f": ("a", "b")}, etcd={"f": ("a", "b")}).before({"base": {"g": ("a",)}})
    assert known(found, "base") == {"b": "f"}
    assert known(found, "etcd") == {"a": "f", "b": "f"}


def test_a_machine_that_is_gone_is_forgotten_in_every_stage() -> None:
    found = applied(base={"f": ("a", "b")}, etcd={"f": ("a",)}).without(["a"])
    assert known(found, "base") == {"b": "f"}
    assert [entry.stage for entry in found.entries] == ["base"]


def test_other_stages_stay_as_they_are() -> None:
    before = applied(base={"f": ("a",)}, etcd={"f": ("a",)})
    assert before.after("etcd", {"g": ("a",)}, (), TODAY).entries[0] == before.entries[0]


def test_a_stage_holds_for_as_many_days_as_it_says() -> None:
    found = applied(etcd={"f": ("a",)})
    holds = [bool(found.fingerprint("etcd", TODAY + timedelta(days=n), 30)) for n in (0, 29, 30)]
    assert holds == [True, True, False]
    assert found.fingerprint("etcd", TODAY + timedelta(days=3000), None)


def test_a_day_in_the_future_or_without_sense_does_not_hold() -> None:
    found = applied(etcd={"f": ("a",)})
    assert not found.fingerprint("etcd", TODAY - timedelta(days=1), 30)
    entry = found.entries[0].model_copy(update={"day": "yesterday"})
    assert not found.model_copy(update={"entries": (entry,)}).fingerprint("etcd", TODAY, 30)


def test_a_document_of_a_newer_version_keeps_its_fields() -> None:
    document = applied(base={"f": ("a",)}).model_dump() | {"later": 1}
    found = read_stored(AppliedStages, document).without(["b"])
    assert found.model_dump()["later"] == 1
