"""The play brings the images of the add-ons that are on, and names what a mirror lacks of them."""

import base64
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster.add_ons import ADD_ONS, AddOns, add_on_images, add_on_variables
from cluster.spec import ClusterSpec
from tests.playbooks.test_add_ons import rendered

ROLES = Path(__file__).parents[2] / "playbooks/roles"
NODE = ("node_add_on_images", "node_control_plane_images", "node_images", "node_unwanted_images")
TASKS = (
    "Select the artifacts and images that the stages need",
    "Stop if the manifest lacks an image of an add-on",
)
MANIFEST = yaml.safe_load((ROLES.parent / "vars/manifest.yml").read_text())
WHOLE = ClusterSpec(name="demo").stages
EVERY = {image for add_on in ADD_ONS for image in add_on.images}


def tasks() -> list[dict[str, Any]]:
    found = yaml.safe_load((ROLES / "artifacts/tasks/main.yml").read_text())
    return [task for task in found if task["name"] in TASKS]


def run(
    folder: Path,
    asked: AddOns,
    lacking: set[str],
    stages: tuple[str, ...] = WHOLE,
) -> subprocess.CompletedProcess[str]:
    """Runs the play's own tasks on a manifest. Prints the images of each role."""
    manifest = json.loads(json.dumps(MANIFEST))
    release = manifest["kubernetes"]["1.36"]
    release["images"] = [image for image in release["images"] if image["name"] not in lacking]
    content = base64.b64encode(yaml.safe_dump(manifest).encode()).decode()
    node = yaml.safe_load((ROLES / "node/defaults/main.yml").read_text())
    show = [
        {
            "name": f"Show the images of a {role}",
            "ansible.builtin.copy": {
                "content": "{{ node_images | map(attribute='name') | to_json }}",
                "dest": str(folder / role),
                "mode": "0644",
            },
            "vars": {
                "slipway_role": role,
                "slipway_add_on_images": add_on_images(asked, stages) if role != "worker" else [],
                "node_add_on_images": "{{ artifacts_add_on_images }}",
            },
        }
        for role in ("control-plane", "worker")
    ]
    play = {
        "hosts": "localhost",
        "connection": "local",
        "gather_facts": False,
        "vars": yaml.safe_load((ROLES / "artifacts/defaults/main.yml").read_text())
        | yaml.safe_load((ROLES / "artifacts/vars/main.yml").read_text())
        | {name: node[name] for name in NODE}
        | {
            "ansible_python_interpreter": sys.executable,
            "artifacts_manifest": {"content": content},
            "node_all_images": "{{ artifacts_images }}",
            "slipway_add_ons": add_on_variables(asked, stages),
            "slipway_kubernetes_version": "1.36",
            "slipway_stages": list(stages),
        },
        "tasks": tasks() + show,
    }
    (folder / "play.yml").write_text(yaml.safe_dump([play], sort_keys=False))
    return subprocess.run(
        [str(Path(sys.executable).parent / "ansible-playbook"), "-i", "localhost,", "play.yml"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def brought(folder: Path, role: str) -> set[str]:
    return set(json.loads((folder / role).read_text())) & EVERY


@pytest.mark.parametrize(
    ("asked", "images"),
    [
        (AddOns(), {"metrics-server"}),
        (AddOns(metrics=False), set[str]()),
        (AddOns(dashboard=True), {"metrics-server", "headlamp"}),
    ],
)
def test_control_planes_get_the_images_of_what_is_on_and_workers_none(
    tmp_path: Path, asked: AddOns, images: set[str]
) -> None:
    done = run(tmp_path, asked, lacking=set())
    assert done.returncode == 0, done.stdout
    assert brought(tmp_path, "control-plane") == images
    assert brought(tmp_path, "worker") == set()
    assert "coredns" in (tmp_path / "worker").read_text()


def test_a_mirror_need_not_have_what_is_off(tmp_path: Path) -> None:
    done = run(tmp_path, AddOns(metrics=False), lacking=EVERY)
    assert done.returncode == 0, done.stdout


def test_a_mirror_need_not_have_what_a_shorter_play_does_not_install(tmp_path: Path) -> None:
    stages = tuple(stage for stage in ClusterSpec(name="demo").stages if stage != "add-ons")
    done = run(tmp_path, AddOns(), lacking=EVERY, stages=stages)
    assert done.returncode == 0, done.stdout


def test_what_a_mirror_lacks_is_named_with_the_fields(tmp_path: Path) -> None:
    done = run(tmp_path, AddOns(dashboard=True), lacking=EVERY)
    assert done.returncode != 0
    told = " ".join(done.stdout.split())
    assert "the manifest has no image metrics-server, headlamp for Kubernetes 1.36" in told
    assert "or set addOns.metrics, addOns.dashboard to false" in told


@pytest.mark.parametrize("planes", [1, 3])
def test_the_role_hands_the_objects_of_each_add_on_to_its_program(
    tmp_path: Path, planes: int
) -> None:
    """As Ansible renders them, and not only as this test's Jinja does."""
    found = yaml.safe_load((ROLES / "add_ons/tasks/main.yml").read_text())
    (apply,) = (task for task in found if task["name"].startswith("Apply the objects"))
    given = apply["ansible.builtin.command"]["stdin"]
    asked = AddOns(dashboard=True, metrics=planes == 1)
    play = {
        "hosts": "localhost",
        "connection": "local",
        "gather_facts": False,
        "vars": yaml.safe_load((ROLES / "add_ons/vars/main.yml").read_text())
        | {
            "ansible_python_interpreter": sys.executable,
            "slipway_add_ons": add_on_variables(asked, WHOLE),
            "slipway_hundreds_of_nodes": 1,
        },
        "tasks": [
            {
                "name": "Write what the program gets",
                "ansible.builtin.copy": {
                    "content": given,
                    "dest": f"{tmp_path}/{{{{ add_ons_item.name }}}}.json",
                    "mode": "0644",
                },
                "loop": apply["loop"],
                "loop_control": apply["loop_control"],
                "vars": apply["vars"],
            }
        ],
    }
    images = MANIFEST["kubernetes"]["1.36"]["images"]
    hosts = {
        "controller": {"hosts": {"localhost": {"artifacts_images": images}}},
        "control_plane": {"hosts": {f"cp-{number}": {} for number in range(planes)}},
        "workers": {"hosts": {"w-0": {}, "w-1": {}}},
    }
    (tmp_path / "inventory.yml").write_text(yaml.safe_dump({"all": {"children": hosts}}))
    (tmp_path / "play.yml").write_text(yaml.safe_dump([play], sort_keys=False))
    (tmp_path / "templates").symlink_to(ROLES / "add_ons/templates")
    done = subprocess.run(
        [str(Path(sys.executable).parent / "ansible-playbook"), "-i", "inventory.yml", "play.yml"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    for add_on in ADD_ONS:
        objects = json.loads((tmp_path / f"{add_on.name}.json").read_text())
        expected = rendered(add_on, planes) if asked.enabled(add_on) else []
        assert [item for item in objects if item] == expected
