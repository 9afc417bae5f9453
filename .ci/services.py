"""Find, install and start the real servers that the tests use: PostgreSQL, MariaDB, Redis, RabbitMQ and NATS.

A server whose URL variable is set is only looked for. The others are expected on their standard loopback ports; what is
not there is installed as a Debian package (as root), started, and, if it was installed here, set up to let the
tests in. Nothing that was running before is configured, restarted or stopped, and what is started here stays up.
"""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parent.parent
MARKS = Path("/var/lib/cleanarch-kit-services")
WAIT = 90.0


def run(*command: str, check: bool = True) -> str:
    """Run a command quietly; its output is shown only when it fails."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if check and done.returncode:
        sys.exit(f"{' '.join(command)} failed with {done.returncode}:\n{done.stdout}")
    return done.stdout


def start_postgresql() -> None:
    for line in run("pg_lsclusters", "--no-header").splitlines():
        version, name, port, status = line.split()[:4]
        if port == "5432" and not status.startswith("online"):
            run("pg_ctlcluster", "--skip-systemctl-redirect", version, name, "start")


def start_mariadb() -> None:
    Path("/run/mysqld").mkdir(exist_ok=True)
    shutil.chown("/run/mysqld", "mysql", "mysql")
    run(
        "start-stop-daemon", "--start", "--oknodo", "--background", "--exec", "/usr/sbin/mariadbd", "--", "--user=mysql"
    )  # fmt: skip


def start_redis() -> None:
    run(
        "redis-server", "--daemonize", "yes", "--bind", "127.0.0.1", "-::1", "--port", "6379",
        "--save", "", "--appendonly", "no", "--dir", "/var/lib/redis",
    )  # fmt: skip


def start_rabbitmq() -> None:
    run("rabbitmq-server", "-detached")


def start_nats() -> None:
    run(
        "start-stop-daemon", "--start", "--oknodo", "--background", "--exec", "/usr/sbin/nats-server", "--",
        "-a", "127.0.0.1", "-p", "4222", "-js", "-sd", "/var/lib/nats-server",
    )  # fmt: skip


def set_up_postgresql() -> None:
    """Trust connections from this machine, and make the database that the tests start from."""
    for rules in Path("/etc/postgresql").glob("*/main/pg_hba.conf"):
        rules.write_text("local all all trust\nhost all all 127.0.0.1/32 trust\n")
    psql = ("psql", "--no-psqlrc", "-h", "127.0.0.1", "-U", "postgres", "-d", "postgres", "-Atc")
    run("runuser", "-u", "postgres", "--", "psql", "-Atc", "SELECT pg_reload_conf()")
    if not run(*psql, "SELECT 1 FROM pg_database WHERE datname = 'test'").strip():
        run(*psql, "CREATE DATABASE test")


def set_up_mariadb() -> None:
    """Let root in over TCP without a password, and make the database that the tests start from."""
    statements = (
        "CREATE USER IF NOT EXISTS root@'127.0.0.1' IDENTIFIED BY ''",
        "GRANT ALL PRIVILEGES ON *.* TO root@'127.0.0.1' WITH GRANT OPTION",
        "ALTER USER root@localhost IDENTIFIED BY ''",  # 127.0.0.1 may resolve to this name
        "CREATE DATABASE IF NOT EXISTS test",
    )
    run("mariadb", "-u", "root", "-e", "; ".join(statements))


@dataclass(frozen=True, slots=True)
class Server:
    """One server: where it is looked for, and how it is brought up when it is not there."""

    name: str
    port: int
    package: str
    program: str
    start: Callable[[], None]
    set_up: Callable[[], None] | None = None

    @property
    def variable(self) -> str:
        return f"CLEANARCH_TEST_{self.name.upper()}_URL"

    @property
    def mark(self) -> Path:
        """Stands while the package was installed here and the set-up is not finished."""
        return MARKS / self.package

    def address(self) -> tuple[str, int]:
        parts = urlsplit(os.environ.get(self.variable, ""))
        return parts.hostname or "127.0.0.1", parts.port or self.port

    def answers(self) -> bool:
        try:
            socket.create_connection(self.address(), timeout=2).close()
        except OSError:
            return False
        return True

    def installed(self) -> bool:
        return shutil.which(self.program, path=f"{os.environ['PATH']}:/usr/sbin:/sbin") is not None

    def wait(self) -> None:
        deadline = time.monotonic() + WAIT
        while not self.answers():
            if time.monotonic() > deadline:
                host, port = self.address()
                sys.exit(f"{self.name} does not answer at {host}:{port} after {WAIT:.0f} s.")
            time.sleep(0.2)


SERVERS = (
    Server("PostgreSQL", 5432, "postgresql", "pg_ctlcluster", start_postgresql, set_up_postgresql),
    Server("MariaDB", 3306, "mariadb-server", "mariadbd", start_mariadb, set_up_mariadb),
    Server("Redis", 6379, "redis-server", "redis-server", start_redis),
    Server("RabbitMQ", 5672, "rabbitmq-server", "rabbitmq-server", start_rabbitmq),
    Server("NATS", 4222, "nats-server", "nats-server", start_nats),
)


def install(servers: Sequence[Server]) -> None:
    """Install the Debian packages of servers that are not on this machine."""
    names = ", ".join(server.name for server in servers)
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        sys.exit(f"Not installed: {names}. As root on Debian this would install them; or set their URL variables.")
    MARKS.mkdir(parents=True, exist_ok=True)
    for server in servers:
        server.mark.touch()
    print(f"Installing {names} ...", flush=True)
    os.environ["DEBIAN_FRONTEND"] = "noninteractive"
    run("apt-get", "update", check=False)  # an old list may do; what it lacks fails one line below
    run("apt-get", "install", "--yes", "--no-install-recommends", *(server.package for server in servers))


def bring_up(server: Server) -> str:
    """Bring one server up and say what it took."""
    url = os.environ.get(server.variable)
    if url == "":
        return f"left out by an empty {server.variable}"
    if url is not None:
        server.wait()
        return f"is where {server.variable} says"
    said = "installed" if server.mark.exists() else "was running"
    if not server.answers():
        if os.geteuid() != 0:
            sys.exit(f"{server.name} is installed and not running: start it, or run this as root.")
        server.start()
        server.wait()
        said = "installed and started" if server.mark.exists() else "started"
    if server.mark.exists():
        if server.set_up is not None:
            server.set_up()
            said += ", and set up for the tests"
        server.mark.unlink()
    return said


def main() -> None:
    """Bring all of them up, then let the tests themselves prove that each one answers."""
    wanted = [server for server in SERVERS if os.environ.get(server.variable) is None]
    missing = [server for server in wanted if not server.answers() and not server.installed()]
    if missing:
        install(missing)
    for server in SERVERS:
        print(f"{server.name:<12} {bring_up(server)}", flush=True)
    left_out = any(os.environ.get(server.variable) == "" for server in SERVERS)
    environment = os.environ | {"CLEANARCH_REQUIRE_SERVICES": "0" if left_out else "1"}
    command = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/test_services.py")
    sys.exit(subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode)


if __name__ == "__main__":
    main()
