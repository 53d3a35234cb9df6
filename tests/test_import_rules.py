"""Who may import whom: front door and actors stand on persistence, persistence on contexts, contexts on nothing."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from contexts.subscriptions import CONTEXTS, QUEUES

ROOT = Path(__file__).resolve().parent.parent

#: Folder -> the name it is imported by.
FOLDERS = {"actors": "actors", "contexts": "contexts", "http": "front_door", "persistence": "persistence"}
SCRIPTS = {"local_servers", "sandboxes", "demonstration", "operations", "auditing", "drilling", "benchmarking"}
PROJECT = {*FOLDERS.values(), *SCRIPTS, "scripts", "tests"}

#: Brokers, databases and the web: none of a domain's business.
OUTSIDE = {
    *("dramatiq", "pika", "aio_pika", "kombu", "sqlalchemy", "alembic", "psycopg", "asyncpg", "sqlite3", "pymongo"),
    *("bson", "redis", "aiohttp", "aiosmtpd", "smtplib", "stripe", "urllib", "urllib3", "requests", "httpx", "http"),
    *("socket", "asyncio"),
}

#: A file is read in one go.
MOST_LINES = 300
LONGER_FILES: set[str] = set()


def files(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


def imports(path: Path) -> Iterator[str]:
    """Yield every module that a file imports, wherever in the file; of `from a import b` also `a.b`."""
    folder, *inside = path.relative_to(ROOT).with_suffix("").parts
    package = [FOLDERS[folder], *inside[:-1]]
    for node in ast.walk(ast.parse(path.read_text(), path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


def is_within(module: str, *packages: str) -> bool:
    return any(module == package or module.startswith(package + ".") for package in packages)


def strangers(folder: str, *allowed: str) -> list[str]:
    """Return what files of a folder import of the project outside these packages."""
    return [
        f"{path.relative_to(ROOT)} imports {module}"
        for path in files(folder)
        for module in imports(path)
        if is_within(module, *PROJECT) and not is_within(module, *allowed) and module not in parents(*allowed)
    ]


def parents(*packages: str) -> set[str]:
    """Return what `from persistence import amqp` imports beside `persistence.amqp`."""
    return {package.rpartition(".")[0] for package in packages}


@pytest.mark.parametrize(
    ("folder", "allowed"),
    [
        ("contexts", ("contexts",)),
        ("persistence", ("contexts", "persistence")),
        ("actors", ("contexts", "persistence", "actors")),
        ("http", ("contexts", "persistence.amqp", "persistence.read_models", "front_door")),
    ],
)
def test_a_folder_imports_only_what_it_stands_on(folder: str, allowed: tuple[str, ...]) -> None:
    assert files(folder)
    assert strangers(folder, *allowed) == []


def test_the_domain_knows_no_broker_no_database_and_no_web() -> None:
    found = [f"{path.relative_to(ROOT)} imports {module}" for path in files("contexts") for module in imports(path)]

    assert [line for line in found if line.split()[-1].split(".")[0] in OUTSIDE] == []


@pytest.mark.parametrize("context", CONTEXTS)
def test_a_context_imports_of_another_only_what_it_is_asked_and_tells(context: str) -> None:
    others = [f"contexts.{other}" for other in CONTEXTS if other != context]
    allowed = [f"{other}.messages" for other in others]

    found = [
        f"{path.relative_to(ROOT)} imports {module}"
        for path in files(f"contexts/{context}")
        for module in imports(path)
        if is_within(module, *others) and not is_within(module, *allowed) and module not in others
    ]

    assert found == []
    assert not [path for path in files(f"contexts/{context}") if "contexts.subscriptions" in imports(path)]


def test_of_the_modules_that_all_contexts_share_only_the_subscriptions_know_a_context() -> None:
    shared = [path for path in files("contexts") if path.parent == ROOT / "contexts" and path.stem != "subscriptions"]
    contexts = [f"contexts.{context}" for context in CONTEXTS]

    assert shared
    assert [path.name for path in shared if any(is_within(module, *contexts) for module in imports(path))] == []


def test_every_folder_of_contexts_is_a_context() -> None:
    assert {path.name for path in (ROOT / "contexts").iterdir() if (path / "messages.py").exists()} == set(CONTEXTS)


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_file_is_longer_than_can_be_read_in_one_go(folder: str) -> None:
    lengths = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in files(folder)}

    assert {name: lines for name, lines in lengths.items() if lines > MOST_LINES and name not in LONGER_FILES} == {}
    assert {name for name in LONGER_FILES if lengths.get(name, MOST_LINES + 1) <= MOST_LINES} == set()


def test_the_front_door_s_folder_does_not_stand_in_the_standard_library_s_way() -> None:
    assert not (ROOT / "http" / "__init__.py").exists()

    found = run("import http.client; print(http.client.__file__)")

    assert found == str(Path(os.__file__).parent / "http" / "client.py")


def test_actors_are_imported_without_servers_and_without_settings() -> None:
    modules = ", ".join(f"actors.{module}" for module in (*QUEUES, "scheduler"))

    assert run(f"import {modules}; print('imported')") == "imported"


def run(code: str) -> str:
    """Run Python at the repository root in an empty environment; return what it printed."""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env={}, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
