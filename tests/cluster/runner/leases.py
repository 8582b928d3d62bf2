"""Who holds the leases of the cluster's background work, as the nodes' metrics say (`samband_lease_…`)."""

from .cluster import Cluster
from .node import Node
from .wire import CALL_TROUBLE

PREFIX = "samband_lease"


class Leases:
    def __init__(self, cluster: Cluster):
        self.cluster = cluster
        # Of each look, what each node said.
        self.looks: list[dict[str, dict[str, float]]] = []

    async def look(self, without: Node | None = None) -> None:
        found = {}
        for node in self.cluster.nodes:
            if node is not without:
                try:
                    found[node.name] = await node.metrics(PREFIX)
                except CALL_TROUBLE:
                    found[node.name] = {}
        self.looks.append(found)

    def holder(self) -> Node | None:
        """The node that says it holds most."""
        held = {name: sum(value for series, value in said.items() if "held" in series) for name, said in self.looks[-1].items()}
        best = max(held, key=held.get, default=None)
        return self.cluster.node(best) if best and held[best] else None

    def verdict(self, node: Node) -> str:
        return f"{node.name} stopped; leases: {self.looks}" if any(self.looks[0].values()) else f"{node.name} stopped; no lease metrics"
