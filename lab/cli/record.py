"""Saves the logs and events of a lab before it is taken down."""

import shutil
from pathlib import Path

from lab import control


def save_run(info: control.LabInfo, cluster: str, folder: Path) -> list[str]:
    """Copies the record of the cluster's runs from the lab's blobs. Returns the files. A later
    run's file replaces an earlier one's."""
    from azure.storage.blob import ContainerClient  # noqa: PLC0415 -- slow, and only used here

    saved: set[str] = set()
    prefix = f"clusters/{cluster}/runs/"
    with ContainerClient.from_connection_string(info.info["storage"], "slipway") as container:
        for blob in container.list_blobs(name_starts_with=prefix):
            name = blob.name.rpartition("/")[2]
            if name in ("events.jsonl", "plan.json", "result.json") or name.endswith(".log"):
                (folder / name).write_bytes(container.download_blob(blob.name).readall())
                saved.add(name)
    return sorted(saved)


def save_services(folder: Path) -> None:
    """Copies the logs of the lab's own services."""
    if (control.STATE / "logs").is_dir():
        shutil.copytree(control.STATE / "logs", folder / "lab", dirs_exist_ok=True)
    if (control.STATE / "supervisor.log").exists():
        shutil.copy(control.STATE / "supervisor.log", folder)
