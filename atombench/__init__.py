"""ATOM-Bench: where in the organ does this piece belong?

Public names are imported on first use, so that `import atombench` is quick:

>>> import atombench
>>> board = atombench.example_board()
>>> queries = atombench.queries(board)
>>> queries.pixels.shape
(336, 4, 4)
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_PUBLIC = {
    "Answers": "atombench.engine.answers",
    "Board": "atombench.records.board",
    "Curated": "atombench.volumes.curated",
    "Options": "atombench.engine.contract",
    "Resources": "atombench.engine.contract",
    "Location": "atombench.locating.location",
    "Region": "atombench.locating.region",
    "VolumeSet": "atombench.volumes.volume_set",
    "example_board": "atombench.api",
    "load_bundle": "atombench.engine.weights",
    "locate": "atombench.locating.find",
    "locate_block": "atombench.locating.find",
    "make_board": "atombench.api",
    "open_board": "atombench.api",
    "queries": "atombench.api",
    "score": "atombench.api",
    "training": "atombench.api",
}


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(import_module(_PUBLIC[name]), name)
    offered = import_module("atombench.tasks.table").PUBLIC
    if name not in offered:
        msg = f"module 'atombench' has no attribute {name!r}; available: {', '.join(sorted({*_PUBLIC, *offered}))}"
        raise AttributeError(msg)
    module, _, attribute = offered[name].partition(":")
    return getattr(import_module(module), attribute)


def __dir__() -> list[str]:
    return sorted({*_PUBLIC, *import_module("atombench.tasks.table").PUBLIC, "__version__"})
