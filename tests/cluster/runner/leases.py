"""Who holds the leases of the cluster's background work: what the nodes' metrics say, and the database's table.
A fence rises with each new holder; what an old holder writes is refused by it."""

from .cluster import Cluster
from .node import Node
from .processes import until
from .wire import CALL_TROUBLE

HELD = "samband_lease_fence"
REFUSED = "samband_lease_refused_writes_total"
# A lease runs for ten seconds, and nodes look each two.
SECONDS = 14


class Leases:
    def __init__(self, cluster: Cluster):
        self.cluster = cluster

    async def table(self) -> dict[str, tuple[str, int]]:
        """Of each lease its owner and fence."""
        if not self.cluster.primary:
            return {}
        lines = (await self.cluster.primary.sql("SELECT name, owner, fence FROM lease")).splitlines()
        return {name: (owner, int(fence)) for name, owner, fence in (line.split("|") for line in lines)}

    async def held_by(self, node: Node) -> dict[str, int]:
        """By its series the fence of each lease that the node says it holds."""
        try:
            return {series: int(fence) for series, fence in (await node.metrics(HELD)).items() if fence}
        except CALL_TROUBLE:
            return {}

    async def holder(self) -> Node | None:
        """A node that holds leases; none where there are no leases."""
        if not self.cluster.primary:
            return None

        async def found() -> Node | None:
            for node in self.cluster.nodes:
                if await self.held_by(node):
                    return node
            return None

        return await until(found, SECONDS, "no node holds a lease")

    async def refused_at(self, node: Node) -> int:
        return int(sum((await node.metrics(REFUSED)).values()))


def passed_on(before: dict, during: dict, after: dict, released: bool) -> str:
    """That the leases of a node that stood still went to another, and stayed there. What was seen."""
    kept = [name for name, (owner, fence) in before.items() if during[name] == (owner, fence)]
    if kept:
        raise AssertionError(f"the stopped node's leases were not taken over: {', '.join(kept)}")
    for name, (owner, fence) in after.items():
        if fence < during.get(name, (owner, 0))[1]:
            raise AssertionError(f"the fence of {name} fell from {during[name][1]} to {fence}")
        if (owner, fence) == before.get(name):
            raise AssertionError(f"{name} is held with the old fence {fence} again")
    if not released:
        raise AssertionError("the node that stood still says that it holds the leases, which are another's")
    return ", ".join(f"{name}: fence {before[name][1]} to {fence}" for name, (_, fence) in after.items() if name in before)
