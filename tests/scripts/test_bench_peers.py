"""Every peer of the benchmark, with real processes, on a few orders: it writes the rows that it claims to."""

from datetime import date
from uuid import uuid4

import pytest

from benchmarking import installing, workload
from benchmarking.peers import running
from benchmarking.peers.every import PEERS
from demonstration.cdnow import Purchase

ORDERS = 12


@pytest.mark.parametrize("name", PEERS)
def test_a_peer_completes_its_orders_and_writes_every_row(name: str) -> None:
    peer = PEERS[name]
    installing.ensure(peer.distributions)
    bought = [Purchase(number, date(1997, 1, 1), number % 3 + 1, (number % 3 + 1) * 1177) for number in range(ORDERS)]

    found = running.run(peer, workload.orders(bought, uuid4()))

    assert found.violations == []
    assert found.rate > 0
    assert sum(one["inserted"] for one in found.rows.values()) == 14
