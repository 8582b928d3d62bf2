"""A command beside a throw-away cluster, as `samband run` runs one beside a server."""

import asyncio
import os
import signal
import sys
from dataclasses import dataclass

from .cluster import Cluster, Layout, Machine

# A command may take its time to see what became of its server.
RESTART_SECONDS = 3


@dataclass
class Plan:
    command: list[str]
    nodes: int = 2
    kill_after: float | None = None
    restart: bool = False


async def up(plan: Plan, machine: Machine) -> int:
    cluster = Cluster(Layout(nodes=plan.nodes, alone=plan.nodes == 1), machine)
    try:
        await cluster.start()
        environment = os.environ | await variables(cluster)
        # In the foreground: it may ask the terminal, and Ctrl-C is its own.
        asyncio.get_running_loop().add_signal_handler(signal.SIGINT, lambda: None)
        process = await asyncio.create_subprocess_exec(*plan.command, env=environment)
        killing = asyncio.create_task(kill_one(cluster, plan))
        code = await process.wait()
        killing.cancel()
        return code if code >= 0 else 128 - code
    finally:
        await cluster.close()


async def kill_one(cluster: Cluster, plan: Plan) -> None:
    if plan.kill_after is None:
        return
    await asyncio.sleep(plan.kill_after)
    node = cluster.nodes[-1]
    node.kill()
    print(f"{node.name} killed after {plan.kill_after:g} s", file=sys.stderr, flush=True)
    if plan.restart:
        await asyncio.sleep(RESTART_SECONDS)
        await node.start()
        print(f"{node.name} is back", file=sys.stderr, flush=True)


async def variables(cluster: Cluster) -> dict[str, str]:
    """What clients need to find the cluster and to trust it."""
    endpoint, key = cluster.balancer.url, cluster.access_key
    connection = f"endpoint={endpoint}/;accesskey={key}"
    return {
        "SAMBAND_ENDPOINT": endpoint,
        "SAMBAND_ACCESS_KEY": key,
        "SAMBAND_CONNECTION_STRING": connection,
        "COMMUNICATION_SERVICES_CONNECTION_STRING": connection,
        "SAMBAND_ADMIN_TOKEN": cluster.admin_token,
        "SAMBAND_RESOURCE_ID": cluster.nodes[0].info["resourceId"],
        # For suites that start servers of their own.
        "SAMBAND_NODE_PIDS": ",".join(str(node.child.pid) for node in cluster.nodes),
        "SAMBAND_BIN": str(cluster.machine.binary),
    } | await cluster.certificate.variables()
