"""The floor: the same rows by two plain psycopg processes, a hundred orders at a time. No messages, inbox or outbox."""

from benchmarking.peers import job, set_wise
from benchmarking.peers.connections import connection

#: Orders that a process takes at once.
BATCH = 100


def main() -> None:
    """Complete this process's share of the orders."""
    found = job.orders()
    for context in ("orders", "inventory", "delivery"):
        connection(context)
    job.begin()
    for first in range(0, len(found), BATCH):
        set_wise.complete(found[first : first + BATCH])


if __name__ == "__main__":
    main()
