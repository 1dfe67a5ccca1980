"""The keys that Secrets are encrypted with: their order, and which ones backups need."""

import pytest
import yaml

from cluster import keys
from cluster.encryption import FIRST, EncryptionKey, EncryptionKeys

OLD, NEW, LATER = (keys.new_encryption_key() for _ in range(3))
BEFORE, AFTER = "2026-11-30T12:00:00Z", "2026-12-24T18:00:00Z"


def names(found: EncryptionKeys) -> list[str]:
    return [key.name for key in found.keys]


def rotated() -> EncryptionKeys:
    """A first rotation, which ended at noon."""
    begun = EncryptionKeys.parse(OLD).with_second(EncryptionKey(name="slipway-1a", secret=NEW))
    return begun.with_first("slipway-1a").only("slipway-1a", BEFORE)


def test_a_key_that_was_never_rotated_is_stored_as_it_always_was() -> None:
    found = EncryptionKeys.parse(OLD)
    assert (names(found), found.render()) == ([FIRST], OLD)


def test_the_configuration_has_every_key_in_its_order_and_none_that_is_retired() -> None:
    found = EncryptionKeys.parse(OLD).with_second(EncryptionKey(name="slipway-1a", secret=NEW))

    def keys_of(text: str) -> object:
        document = yaml.safe_load(text)
        assert document["kind"] == "EncryptionConfiguration"
        ((resources,),) = ([document["resources"][0]],)
        assert resources["resources"] == ["secrets"]
        assert resources["providers"][-1] == {"identity": {}}
        return resources["providers"][0]["secretbox"]["keys"]

    old, new = {"name": FIRST, "secret": OLD}, {"name": "slipway-1a", "secret": NEW}
    assert keys_of(found.configuration) == [old, new]
    assert keys_of(found.with_first("slipway-1a").configuration) == [new, old]
    assert keys_of(rotated().configuration) == [new]


def test_each_step_of_a_rotation_may_be_repeated() -> None:
    new = EncryptionKey(name="slipway-1a", secret=NEW)
    begun = EncryptionKeys.parse(OLD).with_second(new)
    assert begun.with_second(new) == begun
    used = begun.with_first(new.name)
    assert used.with_first(new.name) == used
    assert used.with_second(new) == used


def test_a_stored_list_is_read_as_it_was_written() -> None:
    found = rotated()
    again = EncryptionKeys.parse(found.render())
    assert again == found
    assert [(key.name, key.until) for key in again.retired] == [(FIRST, BEFORE)]


@pytest.mark.parametrize("text", ["{}", '{"keys": []}', '{"keys": 5}', "{", '{"keys": [{}]}'])
def test_what_is_no_list_of_keys_is_refused_and_not_quoted(text: str) -> None:
    with pytest.raises(ValueError, match="encryption keys") as raised:
        EncryptionKeys.parse(text)
    assert text not in str(raised.value)


def test_a_key_does_not_show_its_secret() -> None:
    assert NEW not in repr(rotated())


def test_a_backup_gets_back_the_keys_that_were_retired_after_it_was_taken() -> None:
    found = rotated().with_second(EncryptionKey(name="slipway-2b", secret=LATER))
    twice = found.with_first("slipway-2b").only("slipway-2b", AFTER)
    assert names(twice.for_backup("2026-11-30T11:00:00Z")) == ["slipway-2b", FIRST, "slipway-1a"]
    between = twice.for_backup("2026-12-01T00:00:00Z")
    assert names(between) == ["slipway-2b", "slipway-1a"]
    assert [key.name for key in between.retired] == [FIRST]
    assert between.for_backup("2026-12-01T00:00:00Z") == between
    assert twice.for_backup("2027-01-01T00:00:00Z") == twice
    assert names(twice.for_backup("")) == ["slipway-2b", FIRST, "slipway-1a"]


def test_keys_that_came_back_are_retired_again_by_the_next_rotation() -> None:
    back = rotated().for_backup("2026-11-30T11:00:00Z")
    again = back.with_second(EncryptionKey(name="slipway-2b", secret=LATER))
    ended = again.with_first("slipway-2b").only("slipway-2b", AFTER)
    assert names(ended) == ["slipway-2b"]
    assert {key.name: key.until for key in ended.retired} == {"slipway-1a": AFTER, FIRST: AFTER}


def test_a_retired_key_is_forgotten_when_no_backup_needs_it() -> None:
    assert rotated().without_older_than("2026-12-01T00:00:00Z").retired == ()
    kept = rotated()
    assert kept.without_older_than(BEFORE) == kept
    assert kept.without_older_than("") == kept
