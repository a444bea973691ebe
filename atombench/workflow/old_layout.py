"""Results in the layout of earlier versions: recognised and named, never read, changed or deleted.

| | earlier | now |
|---|---|---|
| volumes | `data/{dataset}/x{scale}/volumes.npz` | `data/{dataset}/{form}/curated.npz` |
| records | `atom/{dataset}/{board}/{method}/seed{n}/record.json` | the same with `{condition}/` before the file's name |
| run lists | without `layout` | with `"layout": 2` |
"""

from __future__ import annotations

from itertools import islice
from pathlib import Path

from atombench.errors import DataError
from atombench.io.files import read_json

MOST_METHODS = 500  # folders of methods searched for records, so that a large tree costs no time


def describe_old_results(results: Path) -> str:
    """Name the old results below a folder and say what to do with them; empty if there are none.

    At most 500 folders of methods are searched for records; volumes and run lists lie near the top.
    """
    examples = {"curated volumes": _old_volumes(results), "records": _old_record(results), "run lists": _old_run_list(results)}
    existing = [f"{kind} (such as {path})" for kind, path in examples.items() if path]
    if not existing:
        return ""
    return f"Results of an earlier version are not used: {', '.join(existing)}. You can delete them or move them away."


def is_old_run_list(path: Path) -> bool:
    """Return whether a run list is of an earlier version; False for a file that cannot be read or is no JSON object."""
    try:
        content = read_json(path)
    except DataError:
        return False
    return isinstance(content, dict) and "layout" not in content


def _old_volumes(results: Path) -> Path | None:
    return min(results.glob("data/*/x[0-9]*/volumes.npz"), default=None)


def _old_record(results: Path) -> Path | None:
    methods = islice(results.glob("atom/*/*/*/"), MOST_METHODS)
    return next((path for method in methods for path in sorted(method.glob("seed*/record.json"))), None)


def _old_run_list(results: Path) -> Path | None:
    return next((path for path in sorted(results.glob("runs/*.json")) if is_old_run_list(path)), None)
