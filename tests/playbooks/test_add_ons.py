"""The objects of each add-on are what the table says, and switching it off removes them all."""

import json
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import jinja2
import pytest
import yaml

from cluster.add_ons import ADD_ONS, AddOn, AddOns, add_on_variables
from cluster.inventory import render_inventory
from cluster.plan import make_plan
from cluster.record import ClusterRecord
from cluster.spec_rules import parse_spec

PLAYBOOKS = Path(__file__).parents[2] / "playbooks"
ROLE = PLAYBOOKS / "roles/add_ons"
PROGRAM = ROLE / "files/apply-add-on.py"
LABEL = "slipway.dev/add-on"
ROOT_FREE = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True}


def rendered(add_on: AddOn, planes: int = 1, workers: int = 2) -> list[dict[str, Any]]:
    """The add-on's objects as the play renders them."""
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=False)  # noqa: S701
    environment.filters["to_json"] = json.dumps
    environment.filters["combine"] = lambda one, other: one | other
    template = environment.from_string((ROLE / f"templates/{add_on.name}.yml.j2").read_text())
    manifest = yaml.safe_load((PLAYBOOKS / "vars/manifest.yml").read_text())
    images = manifest["kubernetes"]["1.36"]["images"]
    text = template.render(
        add_ons_images={image["name"]: image["image"] for image in images},
        groups={
            "control_plane": [f"cp-{n}" for n in range(planes)],
            "workers": [f"w-{n}" for n in range(workers)],
        },
        slipway_hundreds_of_nodes=-(-(planes + workers) // 100),
    )
    return [item for item in yaml.safe_load_all(text) if item]


EVERY = pytest.mark.parametrize("add_on", ADD_ONS, ids=lambda add_on: add_on.name)


def of_kind(objects: list[dict[str, Any]], kind: str) -> dict[str, dict[str, Any]]:
    return {item["metadata"]["name"]: item for item in objects if item["kind"] == kind}


def test_the_spec_has_one_field_for_each_row_of_the_table() -> None:
    assert [*AddOns.model_fields] == [add_on.name for add_on in ADD_ONS]


def test_each_template_belongs_to_a_row_of_the_table() -> None:
    found = {path.name.removesuffix(".yml.j2") for path in (ROLE / "templates").iterdir()}
    assert found == {add_on.name for add_on in ADD_ONS}


def test_the_play_learns_of_add_ons_that_are_off_too() -> None:
    spec = parse_spec({"name": "demo", "addOns": {"metrics": False}})
    inventory = render_inventory(
        make_plan(spec, ClusterRecord(name="demo", uid="u", generation=1), []), "demo-1"
    )
    table = inventory["all"]["vars"]["slipway_add_ons"]
    assert table == add_on_variables(spec.add_ons, spec.stages)
    assert [row["name"] for row in table] == [add_on.name for add_on in ADD_ONS]
    assert not any(row["enabled"] for row in table)


@EVERY
@pytest.mark.parametrize("planes", [1, 3])
def test_the_objects_are_those_of_the_table(add_on: AddOn, planes: int) -> None:
    objects = rendered(add_on, planes)
    assert set(of_kind(objects, "Deployment")) == set(add_on.deployments)
    assert set(of_kind(objects, "APIService")) == set(add_on.api_services)
    images = {
        container["image"].rpartition("/")[2].rpartition(":")[0]
        for item in of_kind(objects, "Deployment").values()
        for container in item["spec"]["template"]["spec"]["containers"]
    }
    assert images == set(add_on.images)


@EVERY
def test_every_object_is_found_again_when_the_add_on_is_removed(add_on: AddOn) -> None:
    program = runpy.run_path(str(PROGRAM))
    for planes in (1, 3):
        program["check"](rendered(add_on, planes), add_on.name)


@EVERY
@pytest.mark.parametrize("planes", [1, 3])
def test_pods_are_bounded_and_may_do_nothing_on_their_machine(add_on: AddOn, planes: int) -> None:
    for item in of_kind(rendered(add_on, planes), "Deployment").values():
        pod = item["spec"]["template"]["spec"]
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod)
        assert pod["securityContext"]["runAsNonRoot"]
        assert pod["securityContext"]["runAsUser"] > 0
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert "node-role.kubernetes.io/control-plane" in pod["nodeSelector"]
        assert all("hostPath" not in volume for volume in pod["volumes"])
        for container in pod["containers"]:
            assert container["imagePullPolicy"] == "Never"
            assert container["resources"]["limits"]["memory"]
            assert {key: container["securityContext"][key] for key in ROOT_FREE} == ROOT_FREE
            assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
            assert "readinessProbe" in container
            assert not any("insecure" in word for word in container["args"])
        assert item["spec"]["template"]["metadata"]["labels"][LABEL] == add_on.name


@EVERY
def test_selectors_and_services_lead_to_the_pods(add_on: AddOn) -> None:
    objects = rendered(add_on, 3)
    pods = [
        item["spec"]["template"]["metadata"]["labels"]
        for item in of_kind(objects, "Deployment").values()
    ]
    selectors = [item["spec"]["selector"] for item in of_kind(objects, "Service").values()]
    for kind, field in (
        ("Deployment", "selector"),
        ("PodDisruptionBudget", "selector"),
        ("NetworkPolicy", "podSelector"),
    ):
        selectors += [
            item["spec"][field]["matchLabels"] for item in of_kind(objects, kind).values()
        ]
    for selector in selectors:
        assert any(selector.items() <= labels.items() for labels in pods), selector


@EVERY
def test_bindings_name_roles_and_accounts_that_exist(add_on: AddOn) -> None:
    objects = rendered(add_on, 3)
    own = set(of_kind(objects, "ClusterRole")) | set(of_kind(objects, "Role"))
    kubernetes = {"system:auth-delegator", "extension-apiserver-authentication-reader", "view"}
    bindings = [item for item in objects if item["kind"].endswith("Binding")]
    assert bindings
    for binding in bindings:
        assert binding["roleRef"]["name"] in own | kubernetes
        for subject in binding["subjects"]:
            assert subject["name"] in of_kind(objects, "ServiceAccount")


def test_nothing_leads_to_the_dashboard_from_outside_of_its_pod() -> None:
    objects = rendered(next(add_on for add_on in ADD_ONS if add_on.name == "dashboard"))
    assert not of_kind(objects, "Service")
    assert "ingress" not in of_kind(objects, "NetworkPolicy")["headlamp"]["spec"]


def test_the_dashboards_account_may_read_only_and_no_secrets() -> None:
    objects = rendered(next(add_on for add_on in ADD_ONS if add_on.name == "dashboard"))
    bindings = of_kind(objects, "ClusterRoleBinding").values()
    assert {binding["roleRef"]["name"] for binding in bindings} == {"slipway:dashboard", "view"}
    assert all([s["name"] for s in b["subjects"]] == ["slipway-dashboard"] for b in bindings)
    for rule in of_kind(objects, "ClusterRole")["slipway:dashboard"]["rules"]:
        assert set(rule["verbs"]) == {"get", "list", "watch"}
        assert not {"*", "secrets"} & {*rule["resources"], *rule["apiGroups"]}


def test_metrics_server_grows_in_steps_of_a_hundred_nodes() -> None:
    def requested(workers: int) -> Any:
        deployment = of_kind(rendered(ADD_ONS[0], 1, workers), "Deployment")["metrics-server"]
        return deployment["spec"]["template"]["spec"]["containers"][0]["resources"]["requests"]

    assert requested(2) == requested(99) == {"cpu": "100m", "memory": "200Mi"}
    assert requested(100) == {"cpu": "200m", "memory": "400Mi"}


class Cluster:
    """kubectl as a program: a file holds the cluster's objects, another what was asked."""

    def __init__(self, folder: Path) -> None:
        self.objects, self.asked = folder / "objects.json", folder / "asked"
        self.objects.write_text("[]")
        program = folder / "kubectl"
        program.write_text(f"#!{sys.executable}\n" + KUBECTL.format(folder=str(folder)))
        program.chmod(0o755)
        self._path = str(folder)

    def names(self) -> set[str]:
        return {item["metadata"]["name"] for item in json.loads(self.objects.read_text())}

    def run(self, name: str, objects: list[Any]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, str(PROGRAM), "admin.conf", name],
            input=json.dumps(objects),
            env={"PATH": self._path},
            capture_output=True,
            text=True,
            check=False,
        )


KUBECTL = """
import json, sys
from pathlib import Path
place = Path({folder!r}) / "objects.json"
stored = json.loads(place.read_text())
def key(item):
    return [item["kind"], item["metadata"].get("namespace"), item["metadata"]["name"]]
words = sys.argv[3:]
if words[0] == "get":
    label, _, value = next(w for w in words if w.startswith("--selector="))[11:].partition("=")
    found = [i for i in stored if i["metadata"].get("labels", {{}}).get(label) == value]
    print(json.dumps({{"items": found}}))
else:
    given = json.load(sys.stdin)["items"]
    answered = []
    for item in given:
        if item["metadata"]["name"] == "refused":
            sys.exit("error: the server does not want it")
        old = [i for i in stored if key(i) == key(item)]
        stored = [i for i in stored if key(i) != key(item)]
        if words[0] == "apply":
            version = old[0]["metadata"]["resourceVersion"] if old else "0"
            item["metadata"]["resourceVersion"] = version
            if old != [item]:
                item["metadata"]["resourceVersion"] = str(int(version) + 1)
            stored.append(item)
            answered.append(item)
    if words[0] == "apply":
        print(json.dumps({{"items": answered}}))
    place.write_text(json.dumps(stored))
"""


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    return Cluster(tmp_path)


@EVERY
def test_a_second_run_changes_nothing(cluster: Cluster, add_on: AddOn) -> None:
    objects = rendered(add_on)
    first = cluster.run(add_on.name, objects)
    assert first.stdout.count(" created") == len(objects), first.stderr
    assert cluster.run(add_on.name, objects).stdout == ""


@EVERY
def test_what_is_off_is_deleted_whole_and_nothing_else(cluster: Cluster, add_on: AddOn) -> None:
    others = [
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "mine", "labels": {LABEL: "x"}},
        },
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "bare", "namespace": "a"}},
    ]
    cluster.objects.write_text(json.dumps(others))
    objects = rendered(add_on, 3)
    cluster.run(add_on.name, objects)
    removed = cluster.run(add_on.name, [None])
    assert removed.stdout.count(" deleted\n") == len(objects), removed.stderr
    assert cluster.names() == {"mine", "bare"}
    assert cluster.run(add_on.name, []).stdout == ""


def test_an_object_that_a_newer_version_lacks_is_deleted(cluster: Cluster) -> None:
    metrics = ADD_ONS[0]
    cluster.run("metrics", rendered(metrics, 3))
    done = cluster.run("metrics", rendered(metrics, 1))
    assert "PodDisruptionBudget metrics-server deleted" in done.stdout
    assert "Deployment metrics-server configured" in done.stdout


@pytest.mark.parametrize(
    ("item", "told"),
    [
        ({"kind": "Secret", "metadata": {"name": "a"}}, "Secret is not a kind"),
        ({"kind": "Service", "metadata": {"name": "a"}}, "Service a has no label"),
        (
            {"kind": "Service", "metadata": {"name": "a", "labels": {LABEL: "other"}}},
            "Service a has no label slipway.dev/add-on=metrics",
        ),
        (
            {"kind": "Service", "metadata": {"name": "refused", "labels": {LABEL: "metrics"}}},
            "kubectl apply: error: the server does not want it",
        ),
    ],
)
def test_what_cannot_be_applied_or_removed_again_is_an_error(
    cluster: Cluster, item: dict[str, Any], told: str
) -> None:
    done = cluster.run("metrics", [item])
    assert done.returncode == 1
    assert f"add-on metrics: {told}" in done.stderr
    assert cluster.names() == set()
