"""The `atombench` command. It only dispatches: each sub-command is a file in `atombench.commands`, imported when called."""

from __future__ import annotations

import sys
from importlib import import_module

COMMANDS = {
    "doctor": "look at what this machine has and lacks for a run",
    "fetch": "find or download the source files of a dataset and verify them",
    "curate": "resample a dataset's volumes to one size",
    "sizes": "count the sections of a run's boards",
    "split": "draw the sections of a board into a manifest",
    "audit-data": "look for duplicates, leaks and empty sections",
    "train": "fit a method on training and validation sections",
    "predict": "answer the test queries",
    "evaluate": "score predictions under both protocols into a result record",
    "collect": "list a finished run's records",
    "lost": "say why units of a run have no record",
    "track": "mirror records and training curves into MLflow",
    "board": "build the leaderboard pages and results.csv",
    "queries": "write a board's test queries for use without this package",
    "new-method": "start a method of your own: a folder that works",
    "export": "write predictions of a run as a submission has them",
    "validate": "list all problems of a submission",
    "score": "score a submission's predictions into records",
    "new-key": "make a key for secret boards",
    "schema": "write the JSON Schemas of configuration, registry and records",
}


def main(arguments: list[str] | None = None) -> None:
    """Run a sub-command; errors meant for the user are one line on standard error and exit status 1."""
    given = sys.argv[1:] if arguments is None else arguments
    name = given[0] if given else "--help"
    if name in ("-h", "--help"):
        sys.stdout.write(_help())
        return
    if name == "--version":
        from atombench import PROTOCOL, __version__

        sys.stdout.write(f"atombench {__version__}, protocol {PROTOCOL}\n")
        return
    _dispatch(name, given[1:])


def _help() -> str:
    lines = "".join(f"  {name:<10} {text}\n" for name, text in COMMANDS.items())
    return f"usage: atombench COMMAND [options]\n\n{lines}\n`atombench COMMAND --help` lists the options of one.\n"


def _dispatch(name: str, arguments: list[str]) -> None:
    from atombench.errors import AtomBenchError, unknown_name

    if name not in COMMANDS:
        sys.stderr.write(f"error: {unknown_name('command', name, COMMANDS)}\n")
        sys.exit(2)

    import typer

    from atombench.workflow.processes import follow_main

    follow_main()
    app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    app.command(name)(import_module(f"atombench.commands.{name.replace('-', '_')}").run)
    try:
        app(arguments, prog_name=f"atombench {name}")
    except AtomBenchError as error:
        _report(str(error))
        sys.exit(error.exit_status)
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        sys.exit(130)


def _report(message: str) -> None:
    """Put the one line of an error where the user looks: standard error, and the log file if there is one."""
    import logging

    sys.stderr.write(f"error: {message}\n")
    for handler in logging.getLogger("atombench").handlers:
        if isinstance(handler, logging.FileHandler):
            handler.emit(logging.makeLogRecord({"msg": f"error: {message}", "levelno": logging.ERROR}))
