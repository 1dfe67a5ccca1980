"""Claims of rotations: who joins, who has to wait, and under which id one goes on."""

from typing import Any, get_args

import pytest

from cluster.closing import closed
from cluster.contracts import FinishInput, PhaseRecord
from cluster.names import CREDENTIALS, rotation_secret
from cluster.outcomes import Cause
from cluster.record import ClusterRecord, Credential
from runs.backup_claims import claim_backup, claim_rotation
from runs.claims import claim_reconcile
from runs.previous import BusyError
from runs.starts import Claim, ClaimContext
from tests.runs.memory import engine, new_context, spec

FAILED = Cause(code="Timeout", message="not done after 20 minutes")


@pytest.fixture
def context() -> ClaimContext:
    """A cluster whose launch has ended."""
    made = new_context()
    claim_reconcile(made, spec(3), "")
    end(made, "succeeded")
    return made


def end(context: ClaimContext, result: Any, reached: Any = "done") -> None:
    record, etag = context.store.need_record("demo")
    assert record.operation is not None
    ended = FinishInput(
        cluster="demo",
        generation=record.generation,
        result=result,
        cause=FAILED if result == "failed" else None,
        phases=(PhaseRecord(name="add", state=reached),),
    )
    context.store.save_result(ended)
    context.store.save_record(closed(record, ended), etag)
    engine(context).states[record.operation.instance_id] = "COMPLETED"


def record_of(context: ClaimContext) -> ClusterRecord:
    return context.store.need_record("demo")[0]


def rotate(context: ClaimContext, credential: Credential = "ssh-key") -> Claim:
    claim = claim_rotation(context, "demo", "ada", credential)
    assert claim is not None
    return claim


def test_every_credential_that_a_record_may_name_can_be_asked_for() -> None:
    assert get_args(Credential) == CREDENTIALS


def test_the_same_rotation_is_joined_and_another_has_to_wait(context: ClaimContext) -> None:
    first, second = rotate(context), rotate(context)
    assert (first.joined, second.joined) == (False, True)
    assert first.operation == second.operation == record_of(context).operation
    with pytest.raises(BusyError, match="demo-000002"):
        rotate(context, "kubeconfig")
    with pytest.raises(BusyError, match="demo-000002"):
        claim_backup(context, "demo", "ada")


def test_the_record_names_the_secret_in_which_the_new_credential_will_be(
    context: ClaimContext,
) -> None:
    claim = rotate(context, "kubeconfig")
    record = record_of(context)
    secret = rotation_secret("demo", record.uid, "kubeconfig", claim.operation.rotation)
    assert record.secrets[-1] == secret
    assert record.rotations == {"kubeconfig": claim.operation.rotation}


@pytest.mark.parametrize("result", ["failed", "cancelled"])
def test_a_rotation_that_did_not_end_goes_on_under_its_id(
    context: ClaimContext, result: str
) -> None:
    first = rotate(context)
    end(context, result)
    other = rotate(context, "kubeconfig")
    end(context, "succeeded")
    again = rotate(context)
    assert again.operation.rotation == first.operation.rotation != other.operation.rotation
    assert again.operation.generation == first.operation.generation + 2
    assert len(set(record_of(context).secrets)) == len(record_of(context).secrets)


def test_a_later_rotation_has_an_id_of_its_own(context: ClaimContext) -> None:
    first = rotate(context)
    record, etag = context.store.need_record("demo")
    context.store.save_record(record.model_copy(update={"rotations": {}}), etag)
    end(context, "succeeded")
    assert rotate(context).operation.rotation != first.operation.rotation


@pytest.mark.parametrize(
    ("credential", "result", "reached", "state"),
    [
        ("ssh-key", "succeeded", "done", "ready"),
        ("ssh-key", "failed", "failed", "ready"),
        ("kubeconfig", "failed", "done", "ready"),
        ("encryption-key", "succeeded", "done", "ready"),
        ("encryption-key", "cancelled", "cancelled", "ready"),
        ("encryption-key", "failed", "pending", "ready"),
        ("encryption-key", "failed", "failed", "failed"),
        ("encryption-key", "failed", "done", "failed"),
    ],
)
def test_only_a_rotation_that_may_have_left_an_api_server_unready_fails_the_cluster(
    context: ClaimContext, credential: Credential, result: str, reached: str, state: str
) -> None:
    rotate(context, credential)
    end(context, result, reached)
    record = record_of(context)
    assert (record.state, record.cause) == (state, FAILED if state == "failed" else None)


@pytest.mark.parametrize("times", [1, 2])
def test_a_rotation_that_goes_on_and_succeeds_ends_the_fault_of_the_one_that_failed(
    context: ClaimContext, times: int
) -> None:
    for _ in range(times):
        rotate(context, "encryption-key")
        end(context, "failed", "failed")
    rotate(context, "encryption-key")
    end(context, "cancelled", "pending")
    assert (record_of(context).state, record_of(context).cause) == ("failed", FAILED)
    rotate(context, "encryption-key")
    end(context, "succeeded")
    assert (record_of(context).state, record_of(context).cause) == ("ready", None)


def test_a_rotation_does_not_end_the_fault_of_something_else(context: ClaimContext) -> None:
    claim_reconcile(context, spec(4), "")
    end(context, "failed")
    rotate(context, "encryption-key")
    end(context, "failed", "failed")
    rotate(context, "ssh-key")
    end(context, "succeeded")
    assert record_of(context).state == "failed"
    rotate(context, "encryption-key")
    end(context, "succeeded")
    assert record_of(context).state == "failed"


def test_there_is_no_rotation_of_nothing() -> None:
    assert claim_rotation(new_context(), "demo", "ada", "ssh-key") is None
