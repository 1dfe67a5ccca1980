"""Replaces the plan of a run, for operations that plan in turns."""

import json
from collections.abc import Collection

from clients.azure.blobs import Conflict
from clients.errors import Transient
from clients.record_store import SOON, RecordStore, to_json
from clients.stored_documents import read_document, read_states
from cluster import names
from cluster.contracts import RunRef
from cluster.plan import Plan


class TurnStore(RecordStore):
    """The plan of the present turn, and what a run knows of nodes that change in it."""

    def replace_plan(self, ref: RunRef, plan: Plan) -> None:
        """Stores the plan in place of that of the turn before.

        Raises:
            Transient: another execution did so meanwhile.
        """
        name = names.run_blob(ref.cluster, ref.generation, "plan.json")
        found = self.blobs.read(name)
        if found is None or read_document(Plan, found[0], name).turn != plan.turn - 1:
            raise Transient(f"{name} is not that of the turn before", SOON)
        try:
            self.blobs.write(name, to_json(plan), if_match=found[1])
        except Conflict as error:
            raise Transient(str(error), SOON) from None

    def forget_nodes_of_turn(self, ref: RunRef, created: Collection[str]) -> None:
        """Forgets the reports of machines that will be created, and which nodes were emptied."""
        states = names.run_blob(ref.cluster, ref.generation, "nodes.json")
        emptied = names.run_blob(ref.cluster, ref.generation, "drain.json")

        def without(old: bytes) -> str:
            kept = read_states(old, states)
            return json.dumps({name: kept[name] for name in kept if name not in created})

        self.merge(states, without, "{}")
        self.merge(emptied, lambda _: "{}", "{}")
