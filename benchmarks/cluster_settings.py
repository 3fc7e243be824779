"""What the model of a cluster is told, and what it counts."""

from __future__ import annotations

import attrs


@attrs.frozen(kw_only=True)
class Settings:
    """What is simulated. Times are seconds."""

    collections: int = 1_000_000
    files: int = 1
    """Of each collection, after its history call."""
    workers: int = 100
    limit: int = 256
    """Leases: requests at once in the cluster."""
    per_task: int = 4
    tasks_at_once: int = 1
    """On each worker."""
    allowed_failures: int = 3
    """So many deaths of its workers the scheduler makes up for by itself; the next one it reports."""
    call: float = 0.15
    """Median of a history call."""
    transfer: float = 0.3
    """Median of the transfer of a file."""
    spread: float = 0.5
    """Standard deviation of the logarithm of both."""
    longest: float = 20.0
    """No request takes longer, on slow workers either: it would time out."""
    begin: float = 0.5
    """From the arrival of a task to its first request: a client, its connections."""
    look: float = 0.002
    """To find that a collection is complete, from its state in the mirror."""
    commit: float = 0.01
    """From the last byte of a file to its final name and its manifest."""
    operation: float = 0.00012
    """Of the scheduler, for taking or giving back a lease; measured with distributed 2026.8."""
    waking: float = 0.000003
    """Of the scheduler, for each who waits, when a lease comes back and it was idle; measured, too."""
    lease_timeout: float = 30.0
    kept: float = 1.0
    """A lease that is younger goes to the next request of its task."""
    asked: float = 2.0
    """A task that is not granted a lease in this time asks again."""
    noticed: float = 300.0
    """After which the scheduler notices that a machine is gone (``worker-ttl``); the end of a process it sees at once."""
    restarted: float = 10.0
    """After which a process that was killed is there again."""
    replaced: float = 600.0
    """After which every second lost machine is there again. The others are not, until half of all workers are gone."""
    slow: float = 0.0
    """Share of the workers that are stragglers."""
    slowness: float = 10.0
    """Factor of all times of a straggler, those of the service included: a bad network."""
    losses: float = 0.0
    """Workers lost, for each worker and hour."""
    seed: int = 1


@attrs.define
class Counts:
    """What it cost."""

    calls: int = 0
    transfers: int = 0
    cut: int = 0
    """Requests of workers that died meanwhile."""
    fetched_twice: int = 0
    present: int = 0
    """Collections that a repeated task found complete."""
    lost_workers: int = 0
    lost_tasks: int = 0
    most_at_once: int = 0
    at_once: int = 0
    operations: int = 0
    """Of the scheduler, for leases."""
    dead_grants: int = 0
    """Leases granted to workers that had died while they waited."""
    idle_leases: float = 0.0
    """Seconds in which a lease was held for a worker that was gone."""
    ends: list[tuple[float, int]] = attrs.field(factory=list[tuple[float, int]])
    """Of each task that was done: the moment, and its collections."""
