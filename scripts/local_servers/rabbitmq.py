"""RabbitMQ with its management plugin, and the Erlang port mapper that it cannot run without."""

import shutil
from pathlib import Path

from local_servers import credentials, places, probes, variables
from local_servers.errors import NotAnsweringError, ServerError
from local_servers.ports import is_free
from local_servers.processes import SYSTEM_PATH, Command
from local_servers.server import Server

EPMD = "rabbitmq-epmd"
PROGRAM = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")  # the one in sbin changes the user and reads /etc/rabbitmq

CONFIGURATION = """\
listeners.tcp.local = 127.0.0.1:{port}
management.tcp.ip = 127.0.0.1
management.tcp.port = {management_port}
default_vhost = first_viscount
default_user = first_viscount
default_pass = {password}
vm_memory_high_watermark.relative = 0.4
disk_free_limit.absolute = 512MB
log.console = true
log.file = false
log.connection.level = warning
"""


def servers() -> tuple[Server, Server]:
    """The port mapper, then RabbitMQ."""
    mapper = Server(EPMD, ("RABBITMQ_URL",), prepare=_prepare_mapper, check=_check_mapper, packages=_packages)
    rabbitmq = Server(
        "rabbitmq",
        ("RABBITMQ_URL",),
        prepare=_prepare,
        check=_check,
        packages=_packages,
        further_ports=("rabbitmq-management", "rabbitmq-distribution"),
        after=EPMD,
        patience=120,
    )
    return mapper, rabbitmq


def _program() -> str | None:
    return str(PROGRAM) if PROGRAM.exists() else shutil.which("rabbitmq-server", path=SYSTEM_PATH)


def _epmd() -> str | None:
    beside_erlang = sorted(Path("/usr/lib/erlang").glob("erts-*/bin/epmd"))
    return shutil.which("epmd", path=SYSTEM_PATH) or (str(beside_erlang[-1]) if beside_erlang else None)


def _packages() -> tuple[str, ...]:
    return () if _program() and _epmd() else ("rabbitmq-server",)


def _prepare_mapper() -> Command:
    # Without it RabbitMQ starts a mapper of its own that outlives it.
    program = _epmd()
    if program is None:
        raise ServerError("rabbitmq-epmd: Erlang's port mapper, epmd, was not found; install the package erlang-base.")
    return Command((program, "-port", str(places.port(EPMD)), "-address", "127.0.0.1"))


def _check_mapper() -> None:
    if is_free(places.port(EPMD)):
        raise NotAnsweringError("nothing listens on its port")


def _prepare() -> Command:
    program = _program()
    if program is None:
        raise ServerError("rabbitmq: the program rabbitmq-server was not found; install it or set RABBITMQ_URL.")
    home = places.directory("rabbitmq")
    (home / "enabled_plugins").write_text("[rabbitmq_management].\n")
    (home / "advanced.config").write_text("[].\n")
    configuration = home / "rabbitmq.conf"
    configuration.touch(mode=0o600)
    configuration.write_text(
        CONFIGURATION.format(
            port=places.port("rabbitmq"),
            management_port=places.port("rabbitmq-management"),
            password=credentials.load()["rabbitmq"],
        )
    )
    return Command((program,), _environment(home))


def _environment(home: Path) -> dict[str, str]:
    """Every place that RabbitMQ would otherwise look for under /etc and /var; Erlang keeps its cookie in HOME."""
    return {
        "HOME": str(home),
        # Lets the start script become the Erlang machine instead of waiting beside it, so that the process id is true.
        "RUNNING_UNDER_SYSTEMD": "true",
        "RABBITMQ_NODENAME": f"first_viscount_{places.port('rabbitmq')}@localhost",
        "RABBITMQ_DIST_PORT": str(places.port("rabbitmq-distribution")),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
        "ERL_EPMD_PORT": str(places.port(EPMD)),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "RABBITMQ_CONFIG_FILE": str(home / "rabbitmq.conf"),
        "RABBITMQ_ADVANCED_CONFIG_FILE": str(home / "advanced.config"),
        "RABBITMQ_CONF_ENV_FILE": str(home / "rabbitmq-env.conf"),
        "RABBITMQ_GENERATED_CONFIG_DIR": str(home / "generated"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(home / "enabled_plugins"),
        "RABBITMQ_MNESIA_BASE": str(home / "mnesia"),
        "RABBITMQ_LOG_BASE": str(home / "logs"),
        "RABBITMQ_PID_FILE": str(home / "pid"),
    }


def _check() -> None:
    own = variables.private()
    try:
        probes.amqp(own["RABBITMQ_URL"])
    except NotAnsweringError as reason:
        if "AuthenticationError" in str(reason):
            raise ServerError(
                f"rabbitmq: refuses the password in {credentials.path()}; its data is older than that file. "
                "`scripts/servers reset` starts afresh."
            ) from None
        raise
    probes.http(own[variables.MANAGEMENT])
