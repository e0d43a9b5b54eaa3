"""Run a command beside a PostgreSQL cluster that exists only for it.

    python tools/setup/temporary_postgresql.py DOORSTEP_TEST_DATABASE_URL pytest -q

The cluster lies in a new temporary folder, listens on a Unix socket in that folder and nowhere else, and gives up
durability for speed. Its address is put into the environment variable named first. When the command ends, fails or
is interrupted, the cluster is stopped and its folder removed; the exit code is that of the command.

PostgreSQL refuses to run as root: started by root, it runs as the user `postgres` (or `nobody`).
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType
from urllib.parse import quote

SUPERUSER = "doorstep"
THROWN_AWAY = "DOORSTEP_CLUSTER_IS_TEMPORARY"
"""Set for the command: databases that it makes need not be dropped one by one, which takes minutes."""

# The tests throw the cluster away, so nothing needs to reach the disk.
SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "autovacuum": "off",
    "checkpoint_timeout": "1h",
    "max_wal_size": "2GB",
    "jit": "off",
}


class PostgresqlError(RuntimeError):
    """The cluster could not be made or started."""


def programs() -> Path:
    """The folder of the newest `initdb` and `pg_ctl`.

    Raises:
        PostgresqlError: no server is installed.
    """
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if versions:
        return versions[-1].parent
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    raise PostgresqlError("No PostgreSQL server is installed. Run: apt-get install postgresql")


def unprivileged_user() -> pwd.struct_passwd | None:
    """Whom the server runs as when we are root; None when we are not."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise PostgresqlError(
        "PostgreSQL does not run as root, and there is neither a user 'postgres' nor 'nobody'."
    )


def call(command: Sequence[str | Path], user: pwd.struct_passwd | None, folder: Path) -> None:
    """Run one of PostgreSQL's programs as `user`.

    Raises:
        PostgresqlError: it failed; the text is what it printed.
    """
    log = folder / "command.log"
    with log.open("w") as output:
        result = subprocess.run(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            user=user.pw_uid if user else None,
            group=user.pw_gid if user else None,
            extra_groups=[] if user else None,
        )
    if result.returncode:
        server_log = folder / "server.log"
        details = log.read_text() + (server_log.read_text() if server_log.exists() else "")
        raise PostgresqlError(f"{Path(command[0]).name} failed:\n{details}")


@contextlib.contextmanager
def cluster(settings: Mapping[str, str] = SETTINGS) -> Iterator[str]:
    """A running cluster; gives the SQLAlchemy URL of its database `postgres`, as superuser.

    Args:
        settings: parameters that differ from PostgreSQL's defaults; the tests' own give up durability.

    Raises:
        PostgresqlError: the cluster could not be made or started.
    """
    binaries = programs()
    user = unprivileged_user()
    # Not below TMPDIR: the name of a Unix socket may have 107 bytes only.
    folder = Path(tempfile.mkdtemp(prefix="doorstep-pg-", dir="/tmp"))
    try:
        if user:
            os.chown(folder, user.pw_uid, user.pw_gid)
        data = folder / "data"
        # The locale decides what counts as a letter for trigrams: in plain C no Chinese character does.
        options = [
            "--auth=trust",
            f"--username={SUPERUSER}",
            "--no-sync",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
        ]
        call([binaries / "initdb", "-D", data, *options], user, folder)
        with (data / "postgresql.conf").open("a") as configuration:
            for name, value in {**settings, "unix_socket_directories": str(folder)}.items():
                configuration.write(f"{name} = '{value}'\n")
        control: list[str | Path] = [binaries / "pg_ctl", "-D", data, "--silent", "-w"]
        call([*control, "-l", folder / "server.log", "-t", "60", "start"], user, folder)
        try:
            yield f"postgresql+psycopg://{SUPERUSER}@/postgres?host={quote(str(folder), safe='')}"
        finally:
            call([*control, "-m", "immediate", "stop"], user, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def interrupted(signal_number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + signal_number)


def main(arguments: Sequence[str]) -> int:
    if len(arguments) < 2:
        print(__doc__, file=sys.stderr)
        return 2
    variable, *command = arguments
    for signal_number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signal_number, interrupted)
    try:
        with cluster() as url:
            process = subprocess.Popen(command, env={**os.environ, variable: url, THROWN_AWAY: "1"})
            try:
                return process.wait()
            finally:
                if process.poll() is None:
                    process.terminate()
                    process.wait()
    except PostgresqlError as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
