"""Long lists of reasons: one line for each distinct one, with counts, cut between lines only."""

from hypothesis import given
from hypothesis import strategies as st

from cluster.reasons import CHARACTERS, LINES, Reason, grouped, listed

GUID = "00000000-0000-0000-0000-00000000000"
PARTS = ("network", "controller", "control-plane-0", "etcd-0", "worker-0")


def policies(count: int) -> list[Reason]:
    """Each of `count` policies refuses a resource in each of five templates."""
    return [
        Reason(
            f"RequestDisallowedByPolicy: Resource 'demo-{part}-vm' was disallowed by policy. "
            f"Policy identifiers: 'rule {chr(97 + number)}'",
            f"template {part}",
        )
        for part in PARTS
        for number in range(count)
    ]


def test_a_reason_is_one_line_with_its_resources_and_places() -> None:
    (line,) = grouped(policies(1))
    assert line.startswith("RequestDisallowedByPolicy: Resource 'demo-network-vm' was disallowed")
    assert line.endswith("(5 resources: template network, template controller, template "
                         "control-plane-0 and 2 more)")  # fmt: skip


def test_sixty_reasons_of_twelve_kinds_are_twelve_lines_with_a_count_of_the_rest() -> None:
    lines = grouped(policies(12))
    assert len(lines) == 12
    text = listed(lines)
    assert len(text) <= CHARACTERS
    *shown, last = text.split("\n")
    assert shown == lines[: len(shown)]
    assert last == f"and {12 - len(shown)} more reasons"


def test_what_differs_only_in_names_addresses_and_ids_is_the_same_reason() -> None:
    for one, two in (
        ("10.0.0.4 is used", "10.0.0.117 is used"),
        ("/subscriptions/a/b is gone", "/subscriptions/a/c is gone"),
        (
            f"trace {'0' * 8}-0000-0000-0000-{'0' * 12}",
            f"trace {'1' * 8}-0000-0000-0000-{'1' * 12}",
        ),
    ):
        assert grouped([Reason(one), Reason(two)]) == [f"{one} (2 resources)"]


def test_a_name_that_differs_is_not_lost() -> None:
    for one, two, other in (
        ("demo-etcd-0: no room", "demo-etcd-12: no room", "demo-etcd-12"),
        ("nic demo-worker-3-nic is busy", "nic demo-worker-4-nic is busy", "demo-worker-4-nic"),
        ("denied by deny-200", "denied by deny-20", "deny-20"),
    ):
        lines = grouped([Reason(one), Reason(two), Reason(one)])
        assert lines == [f"{one} (3 resources; others: {other})"]
    many = grouped(Reason(f"denied by deny-{number}", "template a") for number in range(6))
    assert many == [
        "denied by deny-0 (6 resources: template a; others: deny-1, deny-2, deny-3 and 2 more)"
    ]


def test_different_sizes_and_codes_are_different_reasons() -> None:
    texts = ["Standard_D2s_v5 is not offered", "Standard_D4s_v5 is not offered", "A: x", "B: x"]
    assert grouped(map(Reason, texts)) == texts


def test_one_reason_stays_as_it_is() -> None:
    assert listed(grouped([Reason("vm-1: no room")])) == "vm-1: no room"
    assert listed([]) == ""


@given(st.lists(st.text(min_size=1, max_size=900), max_size=40))
def test_a_list_of_any_length_has_room_and_says_what_is_left_out(lines: list[str]) -> None:
    lines = [" ".join(line.split()) or "x" for line in lines]
    text = listed(lines)
    shown = text.split("\n") if text else []
    assert len(text) <= CHARACTERS
    assert len(shown) <= LINES + 1
    if len(shown) < len(lines) or len(lines) > LINES:
        assert shown[-1] == f"and {len(lines) - len(shown) + 1} more reasons"
