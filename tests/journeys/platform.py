"""The whole platform but its front door: real worker processes, on stores and a virtual host of the tests' own."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit
from uuid import UUID, uuid4

import psycopg
import urllib3
from pymongo import MongoClient

from actors.gateways.addresses import server_address
from contexts.messages import Message, Stamped, first_cause
from contexts.subscriptions import QUEUES, destinations
from persistence.amqp import Publisher, Unconfirmed
from persistence.databases import POSTGRESQL_CONTEXTS, url_variable
from tests.persistence.own_schemas import own_schema
from tests.persistence.virtual_host import VirtualHost, eventually, own_virtual_host, required

ROOT = Path(__file__).parents[2]
REDIS_DATABASE = 12
SCHEDULER = "scheduler"


@dataclass
class Platform:
    """Running processes by name, and what an operator sees in their stores."""

    host: VirtualHost
    variables: Mapping[str, str]
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, *names: str) -> None:
        """Start the workers of contexts, or the scheduler; return when those consume their queues."""
        for name in names:
            command = ["actors.scheduler"] if name == SCHEDULER else ["actors", name, "--threads", "4"]
            environment = {**os.environ, **self.variables, "LOG_LEVEL": "WARNING"}
            self.processes[name] = subprocess.Popen([sys.executable, "-m", *command], cwd=ROOT, env=environment)
        waited_for = set(names) - {SCHEDULER}
        eventually(lambda: self.host.consumed(waited_for), 40)

    def kill(self, name: str) -> None:
        """End a process as `kill -9` does."""
        self.processes[name].kill()
        self.processes[name].wait()

    def terminate(self, name: str) -> tuple[int, float]:
        """Tell a process to end; return its exit code and how many seconds it took."""
        begun = time.monotonic()
        self.processes[name].send_signal(signal.SIGTERM)
        return self.processes[name].wait(40), time.monotonic() - begun

    def ended(self) -> list[str]:
        """Return the processes that should run and do not."""
        return [name for name, process in self.processes.items() if process.poll() is not None]

    def end(self) -> None:
        """End everything that still runs."""
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()

    def send(self, *messages: Message, times: int = 1) -> None:
        """Publish commands, each `times` times as the same message, until all are confirmed."""
        asyncio.run(self._send([_stamped(message) for message in messages] * times))

    async def _send(self, messages: Sequence[Stamped]) -> None:
        publisher = Publisher(self.host.url, QUEUES, "test")
        await publisher.start()
        await publisher.wait_until_open(10)
        try:
            await asyncio.gather(*(_confirmed(publisher, message) for message in messages))
        finally:
            await publisher.close()

    def rows(self, context: str, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Ask a context's PostgreSQL database."""
        with psycopg.connect(self.variables[url_variable(context)], autocommit=True) as connection:
            return connection.execute(query.encode(), parameters).fetchall()

    def documents(self, collection: str, query: Mapping[str, object]) -> list[dict[str, Any]]:
        """Ask the notifications' MongoDB database."""
        url = self.variables[url_variable("notifications")]
        with MongoClient[dict[str, Any]](url, uuidRepresentation="standard") as client:
            return client.get_default_database()[collection].find(query).to_list()

    def at_gateway(self, *payment_ids: UUID) -> list[dict[str, Any]]:
        """Return the payments among these that the payment gateway has."""
        url = server_address(required("PAYMENT_GATEWAY_URL")).url
        return _listed(f"{url}/v1/payments", "payment_id", payment_ids)

    def at_carrier(self, *shipment_ids: UUID) -> list[dict[str, Any]]:
        """Return the shipments among these that the carrier has."""
        return _listed(f"{required('CARRIER_URL')}/v1/shipments", "reference", shipment_ids)


def _stamped(message: Message) -> Stamped:
    return first_cause(uuid4(), message, getattr(message, "order_id", uuid4()))


async def _confirmed(publisher: Publisher, message: Stamped) -> None:
    for destination in destinations(type(message.body)):
        while True:
            try:
                await publisher.publish(destination, [message.to_json()])
            except Unconfirmed:
                await asyncio.sleep(0.1)
            else:
                break


def _listed(url: str, name: str, ids: Sequence[UUID]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for begin in range(0, len(ids), 50):
        query = urlencode([(name, str(one)) for one in ids[begin : begin + 50]])
        found += urllib3.request("GET", f"{url}?{query}").json()
    return found


@contextmanager
def platform() -> Iterator[Platform]:
    """A platform with empty stores and nothing running yet; everything goes at the end."""
    with ExitStack() as stack:
        variables = {url_variable(one): stack.enter_context(own_schema(one)) for one in POSTGRESQL_CONTEXTS}
        mongo = urlsplit(required(url_variable("notifications")))
        name = f"journeys_{uuid4().hex[:12]}"
        variables[url_variable("notifications")] = mongo._replace(path=f"/{name}").geturl()
        client = stack.enter_context(MongoClient[dict[str, Any]](mongo.geturl()))
        stack.callback(client.drop_database, name)
        variables["REDIS_URL"] = urlsplit(required("REDIS_URL"))._replace(path=f"/{REDIS_DATABASE}").geturl()
        host = stack.enter_context(own_virtual_host())
        variables["RABBITMQ_URL"] = host.url
        running = Platform(host, variables)
        stack.callback(running.end)
        yield running
