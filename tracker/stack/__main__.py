"""`python -m tracker.stack COMMAND`: the embedded servers, and the whole product under one supervisor."""

import argparse
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from tracker.stack import state as state_module
from tracker.stack.programs import client_program, connection_environment
from tracker.stack.servers import Servers
from tracker.stack.state import PROJECT, StackError, local_environment, state_of


def up(_: argparse.Namespace) -> int:
    from tracker.stack.supervisor import Supervisor

    return Supervisor(state_of(PROJECT)).run()


def servers(_: argparse.Namespace) -> int:
    """Start the database and the queue in the background; stop them with `down`."""
    state = state_of(PROJECT)
    started = Servers(state).start()
    for name in ("postgres", "valkey"):
        print(f"{name:9} {'started' if name in started else 'was running already'}")
    print(f"{'address':9} {state.database_url}")
    return 0


def down(_: argparse.Namespace) -> int:
    """Stop a running supervisor, then the servers."""
    from tracker.stack.supervisor import stop_running

    state = state_of(PROJECT)
    if stop_running(state):
        print("web, worker and beat stopped")
    Servers(state).stop()
    print("database and queue stopped")
    return 0


def status(_: argparse.Namespace) -> int:
    from tracker.stack.supervisor import running_pid

    state = state_of(PROJECT)
    servers = Servers(state)
    lines = {
        "supervisor": f"running, process {pid}" if (pid := running_pid(state)) else "not running",
        "postgres": f"running, socket {state.sockets}" if servers.postgres.is_running() else "not running",
        "valkey": f"running, socket {state.valkey_socket}" if servers.valkey.is_running() else "not running",
        "state": str(state.folder),
    }
    for name, words in lines.items():
        print(f"{name:11} {words}")
    return 0


def psql(arguments: argparse.Namespace) -> int:
    """Open psql on the database that the environment names, or on the embedded one."""
    import environ

    local_environment(PROJECT)
    if sentence := state_module.not_running(PROJECT):
        raise StackError(sentence)
    database = environ.Env.db_url_config(os.environ["DATABASE_URL"])
    environment = {**os.environ, **connection_environment(database)}
    return subprocess.run([client_program("psql"), *arguments.rest], env=environment, check=False).returncode  # noqa: S603


def env(_: argparse.Namespace) -> int:
    """Print the addresses as shell exports."""
    state = state_of(PROJECT)
    for name, value in {**state.environment(), "SECRET_KEY": state_module.secret_key(state)}.items():
        print(f"export {name}={shlex.quote(value)}")
    return 0


def logs(arguments: argparse.Namespace) -> int:
    """Follow the logs, all or those named."""
    folder = state_of(PROJECT).logs
    found = [path for path in sorted(folder.glob("*.log")) if not arguments.names or path.stem in arguments.names]
    if not found:
        raise StackError(f"No logs in {folder} yet: `make run` makes them.")
    tail = shutil.which("tail") or "tail"
    return subprocess.run([tail, "-n", "20", "-F", *map(str, found)], check=False).returncode  # noqa: S603


def reset(_: argparse.Namespace) -> int:
    """Stop everything and throw the data of this checkout away."""
    from tracker.stack.postgres import Postgres

    state = state_of(PROJECT)
    if not state.folder.exists():
        print("nothing to remove")
        return 0
    down(_)
    folders = {state.sockets, Postgres(state).data.parent, state.folder}
    if state.folder == PROJECT / ".stack":
        # What the tests of this checkout keep in memory for their next run (tests/servers.py).
        folders.add(Path("/dev/shm") / f"tracker-test-{state_module.State(PROJECT).key}")  # noqa: S108
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"removed {state.folder}")
    return 0


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="python -m tracker.stack", description=__doc__)
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    for name, act, help_text in (
        ("up", up, "servers, migrations, demo tenant, then web, worker and beat until Ctrl-C"),
        ("servers", servers, "only the database and the queue, in the background"),
        ("down", down, "stop everything"),
        ("status", status, "what runs, and where"),
        ("psql", psql, "a database prompt; options go to psql"),
        ("env", env, "the addresses as shell exports"),
        ("logs", logs, "follow the logs"),
        ("reset", reset, "stop everything and remove the data"),
    ):
        command = commands.add_parser(name, help=help_text)
        command.set_defaults(act=act)
        if name == "logs":
            command.add_argument("names", nargs="*")
    return top


def main() -> int:
    top = parser()
    arguments, rest = top.parse_known_args()
    if rest and arguments.act is not psql:
        top.error(f"unknown option {rest[0]}")
    arguments.rest = rest
    try:
        return arguments.act(arguments)
    except StackError as reason:
        print(reason, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
