"""Documents of a run that two executions of one activity write at the same time."""

from collections import Counter
from collections.abc import Callable

import pytest

from clients.azure.blobs import Conflict
from clients.errors import Refused, Transient
from clients.store import Store, UnreadableRecord
from clients.stored_documents import UNREADABLE
from cluster.contracts import Check, RunRef
from cluster.record import ClusterRecord
from lab.simulation.clock import Clock
from lab.simulation.run import Scenario, simulation
from lab.simulation.storage import Blobs

REF = RunRef(cluster="demo", generation=1)
SMALL = Scenario(6, ready=60.0, play=90.0, tasks=12, cluster="demo", pool="worker")


class Meeting(Blobs):
    """After each read, `meanwhile` happens: another execution of the same activity."""

    def __init__(self) -> None:
        super().__init__(Clock(), Counter())
        self.meanwhile: list[Callable[[], object]] = []

    def read(self, name: str) -> tuple[bytes, str] | None:
        found = super().read(name)
        if self.meanwhile:
            self.meanwhile.pop(0)()
        return found


@pytest.fixture
def blobs() -> Meeting:
    return Meeting()


@pytest.fixture
def store(blobs: Meeting) -> Store:
    return Store(blobs)  # type: ignore[arg-type]


@pytest.mark.parametrize("before", [{}, {"c": "failed"}])
def test_nodes_that_two_probes_hear_at_once_are_all_kept(
    blobs: Meeting, store: Store, before: dict[str, str]
) -> None:
    if before:
        store.add_node_states(REF, before)
    blobs.meanwhile = [lambda: store.add_node_states(REF, {"a": "ready"})]
    wanted = before | {"a": "ready", "b": "ready"}
    assert store.add_node_states(REF, before | {"b": "ready"}) == wanted
    assert store.node_states(REF) == wanted


def test_a_late_probe_does_not_take_back_that_a_node_is_ready(store: Store) -> None:
    store.add_node_states(REF, {"a": "ready"})
    assert store.add_node_states(REF, {"a": "failed", "b": "failed"})["a"] == "ready"
    assert store.add_node_states(REF, {"b": "ready"})["b"] == "ready"


def test_checks_that_two_verifications_make_at_once_are_all_kept_once(
    blobs: Meeting, store: Store
) -> None:
    first = [Check(name="one", ok=True), Check(name="both", ok=False, detail="first")]
    blobs.meanwhile = [lambda: store.add_checks(REF, first)]
    kept = store.add_checks(REF, [Check(name="both", ok=True), Check(name="two", ok=True)])
    assert {check.name: check.detail for check in kept} == {"both": "first", "two": "", "one": ""}
    assert store.checks(REF) == kept


def test_documents_that_others_never_leave_alone_are_a_matter_of_coming_again(
    blobs: Meeting, store: Store
) -> None:
    def other(number: int) -> Callable[[], object]:
        return lambda: _add(blobs, f"n{number}")

    blobs.meanwhile = [other(number) for number in range(50)]
    with pytest.raises(Transient, match="changed by others"):
        store.add_node_states(REF, {"a": "ready"})


def _add(blobs: Meeting, node: str) -> None:
    waiting, blobs.meanwhile = blobs.meanwhile, []
    Store(blobs).add_node_states(REF, {node: "ready"})  # type: ignore[arg-type]
    blobs.meanwhile = waiting


def test_a_slow_execution_never_replaces_the_plan_that_the_run_follows() -> None:
    with simulation(SMALL) as made:
        made.apply()
        made.engine.finish()
        store = made.services.store
        plan = store.need_plan(REF)
        late = plan.model_copy(update={"group": "another"})
        assert store.keep_plan(REF, late) == plan
        assert store.need_plan(REF) == plan


def test_a_record_that_was_changed_meanwhile_is_no_fault_of_an_activity(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with simulation(SMALL) as made:
        made.apply()
        store, calls = made.services.store, list[str]()
        save = store.save_record

        def changed(record: ClusterRecord, etag: str) -> str:
            calls.append(etag)
            if len(calls) % 2:
                raise Conflict("the record was changed meanwhile")
            return save(record, etag)

        monkeypatch.setattr(store, "save_record", changed)
        made.engine.finish()
        result = made.result()
        events = [event for kept in made.engine.kept.values() for one in kept for event in one]
    assert len(calls) >= 8  # the group's owner, the plan's slots, what is built, the end
    assert [event for event in events if event.HasField("taskFailed")] == []
    assert result is not None
    assert result.result == "succeeded"


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"name":5}', b"\xff"])
def test_a_record_that_cannot_be_read_does_not_hide_the_others(
    blobs: Meeting, store: Store, data: bytes
) -> None:
    for name in ("a", "c"):
        store.create_record(ClusterRecord(name=name, uid="1"))
    blobs.write("clusters/b/record.json", data)
    first, odd, last = sorted(store.records(), key=lambda record: record.name)
    assert (first.name, odd.name, last.name) == ("a", "b", "c")
    assert isinstance(odd, UnreadableRecord)
    assert odd.refusal.code == UNREADABLE
    assert "clusters/b/record.json" in str(odd.refusal)


RUN = "clusters/demo/runs/000001/"


@pytest.mark.parametrize("data", [b"", b"{", b"5", b"\xff"])
def test_states_and_checks_that_cannot_be_read_are_asked_for_again(
    blobs: Meeting, store: Store, data: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("nodes.json", "checks.json"):
        blobs.write(RUN + name, data)
    assert store.node_states(REF) == {}
    assert store.checks(REF) == []
    assert RUN + "nodes.json" in caplog.text
    assert RUN + "checks.json" in caplog.text
    assert store.add_node_states(REF, {"a": "ready"}) == {"a": "ready"}
    assert store.add_checks(REF, [Check(name="one", ok=True)]) == [Check(name="one", ok=True)]


def test_odd_entries_of_states_and_checks_do_not_hide_the_others(
    blobs: Meeting, store: Store
) -> None:
    blobs.write(RUN + "nodes.json", b'{"a":"ready","b":null,"c":{"d":1}}')
    blobs.write(RUN + "checks.json", b'[null,{"name":"one","ok":true,"later":1},{"ok":true},{}]')
    assert store.node_states(REF) == {"a": "ready"}
    assert store.checks(REF) == [Check(name="one", ok=True)]
    two = Check(name="two", ok=False)
    assert store.add_checks(REF, [two]) == [two, Check(name="one", ok=True)]
    assert store.add_node_states(REF, {"b": "failed"}) == {"a": "ready", "b": "failed"}


@pytest.mark.parametrize("data", [b"", b"[]", b'{"a":null}'])
def test_host_keys_that_cannot_be_read_are_refused_and_not_taken_for_none(
    blobs: Meeting, store: Store, data: bytes
) -> None:
    blobs.write("clusters/demo/public-keys.json", data)
    with pytest.raises(Refused, match=UNREADABLE):
        store.public_keys("demo")
