"""What an installation may have done before a request comes."""

from clients.azure.validation import ArmError
from tests.cuts.installation import CLUSTER, TWO_WORKERS, Installation


def nothing(app: Installation) -> None:
    del app


def running(app: Installation) -> None:
    """A run is in the middle of its deployments."""
    app.put()
    app.run_for(30.0)


def ready(app: Installation) -> None:
    app.put()
    app.run()


def updating(app: Installation) -> None:
    """A cluster whose machines get security updates. A worker needs them, and a restart."""
    app.put(maintenance={"securityUpdates": True})
    app.run()
    worker = f"{CLUSTER}-worker-0"
    app.made.fleet.updates.packages = {worker: ["openssl"]}
    app.made.fleet.updates.kernels = {worker: "it runs an older kernel"}


def backed_up(app: Installation) -> None:
    """A cluster that is ready and has a backup."""
    ready(app)
    assert app.back_up().status_code == 202
    app.run()


def larger(app: Installation) -> None:
    """A cluster that is ready and has one worker more than the others."""
    app.put(workers=TWO_WORKERS)
    app.run()
    assert app.record.state == "ready"


def of_three_members(app: Installation) -> None:
    app.put(etcd={"count": 3})
    app.run()
    assert app.record.state == "ready"


def held(app: Installation) -> None:
    """No pod of the larger cluster may be evicted."""
    larger(app)
    app.made.fleet.kubernetes.held = hold


def hold(node: str) -> str:
    del node
    return "shop/web"


def failed(app: Installation) -> None:
    app.cloud.failing = ArmError("SkuNotAvailable", "no such size", ())
    ready(app)
    app.cloud.failing = None
    assert app.record.state == "failed"


def lost(app: Installation) -> None:
    """The engine ended the run from outside: it has no result."""
    running(app)
    app.terminate(1)
    app.run()


def cancelled(app: Installation) -> None:
    running(app)
    app.cancel()
    app.run()
    assert app.record.state == "cancelled"


def removed(app: Installation) -> None:
    ready(app)
    app.delete()
    app.run()


def without_record(app: Installation) -> None:
    ready(app)
    app.store.blobs.delete(f"clusters/{CLUSTER}/record.json")


def without_any_blob(app: Installation) -> None:
    ready(app)
    app.store.blobs.delete_prefix(f"clusters/{CLUSTER}/")
    app.erased.add(1)


def unreadable(app: Installation) -> None:
    app.store.blobs.write(f"clusters/{CLUSTER}/record.json", b'{"name": 5}')


def tagged(app: Installation) -> None:
    app.tag_group()


def launched(app: Installation) -> None:
    tagged(app)
    app.written()
    app.run()
    assert app.record.state == "ready"


def launched_and_gone(app: Installation) -> None:
    launched(app)
    app.lose_group()


def going_on_and_gone(app: Installation) -> None:
    app.written()
    app.run_for(30.0)
    app.lose_group()


def created_again(app: Installation) -> None:
    launched_and_gone(app)
    app.gone()
    app.run()
    tagged(app)


def created_again_while_removed(app: Installation) -> None:
    app.gone()
    tagged(app)


def badly_tagged(app: Installation) -> None:
    app.tag_group("no-such-profile")


def changed_tag(app: Installation) -> None:
    launched(app)
    app.tag_group("small")
