"""The `atombench` command: a dispatcher. Each sub-command is a module in `atombench.commands`, imported when it is called."""

from __future__ import annotations

import sys
from importlib import import_module

COMMANDS = {
    "locate": "find where a section of yours lies in a scan of yours",
    "doctor": "check whether this machine can execute a run",
    "fetch": "locate or download the source files of a dataset and verify them",
    "curate": "resample the volumes of a dataset to one size",
    "sizes": "count the sections of the boards in a configuration",
    "split": "draw the queries of a board into a manifest",
    "audit-data": "search for duplicates, leaks and empty sections",
    "train": "train a method on training and validation queries",
    "predict": "answer the test queries",
    "evaluate": "score predictions and write a result record",
    "collect": "list the records of a finished configuration",
    "lost": "explain why runs have no record",
    "track": "mirror records and training curves to MLflow",
    "board": "build the leaderboard pages and results.csv",
    "preview": "draw test sections under all conditions of a board",
    "queries": "export the test queries of a board for use without this package",
    "new-method": "create a folder with a working example method",
    "try": "run a submitted method and all controls on a small board, in about a minute",
    "export": "convert predictions of a run to the format of submissions",
    "validate": "report all problems of a submission",
    "score": "score the predictions of a submission and write records",
    "confirm": "compare public scores of a submission with its scores on secret boards",
    "new-key": "create a key for secret boards",
    "schema": "write the JSON Schemas of configuration, registry and records",
}

MODULES = {"try": "trial"}  # of commands whose name cannot be that of a module


def main(arguments: list[str] | None = None) -> None:
    """Run a sub-command; report errors meant for the user in one line on standard error and exit with status 1."""
    argv = sys.argv[1:] if arguments is None else arguments
    name = argv[0] if argv else "--help"
    if name in ("-h", "--help"):
        sys.stdout.write(_help())
        return
    if name == "--version":
        from atombench import __version__
        from atombench.tasks.table import TASKS, protocol_version_of

        protocols = ", ".join(f"{name} {protocol_version_of(name)}" for name in TASKS)
        sys.stdout.write(f"atombench {__version__}; protocol {protocols}\n")
        return
    _dispatch(name, argv[1:])


def _help() -> str:
    lines = "".join(f"  {name:<10} {text}\n" for name, text in COMMANDS.items())
    return f"usage: atombench COMMAND [options]\n\n{lines}\n`atombench COMMAND --help` lists the options of a command.\n"


def module_of(name: str) -> str:
    """Return the module of a command.

    >>> module_of("new-key"), module_of("try")
    ('new_key', 'trial')
    """
    return MODULES.get(name, name.replace("-", "_"))


def _dispatch(name: str, arguments: list[str]) -> None:
    from atombench.errors import AtomBenchError, unknown_name
    from atombench.extras import missing_extra

    if name not in COMMANDS:
        sys.stderr.write(f"error: {unknown_name('command', name, COMMANDS)}\n")
        sys.exit(2)

    import typer

    from atombench.workflow.processes import follow_main

    follow_main()
    app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    try:
        app.command(name)(import_module(f"atombench.commands.{module_of(name)}").run)
        app(arguments, prog_name=f"atombench {name}")
    except AtomBenchError as error:
        _report(str(error))
        sys.exit(error.exit_status)
    except ModuleNotFoundError as error:
        if (advice := missing_extra(error)) is None:
            raise
        _report(advice)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        sys.exit(130)


def _report(message: str) -> None:
    """Write an error message to standard error, and to the log file if there is one."""
    import logging

    sys.stderr.write(f"error: {message}\n")
    for handler in logging.getLogger("atombench").handlers:
        if isinstance(handler, logging.FileHandler):
            handler.emit(logging.makeLogRecord({"msg": f"error: {message}", "levelno": logging.ERROR}))
