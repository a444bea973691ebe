"""What pages over all boards of `atom` need of a record."""

from __future__ import annotations

from atombench.engine.method_name import MethodName
from atombench.errors import ConfigError
from atombench.records.metric import PUBLISHED, STRICT
from atombench.records.record import Record
from atombench.tasks.atom.board import AtomBoard
from atombench.tasks.atom.methods.table import METHODS
from atombench.tasks.atom.protocol import PRIMARY
from atombench.tasks.atom.specs import SECTION_SWAP, VOLUME_SWAP

HIGH, LOW = "high@5", "oracle_low@5"
NEEDED = {(STRICT, PRIMARY), (VOLUME_SWAP, PRIMARY), (SECTION_SWAP, PRIMARY), (PUBLISHED, HIGH), (PUBLISHED, LOW)}


def trimmed(record: Record) -> Record | None:
    """Return a record of the platform's own methods without what such pages do not show.

    None for submitted methods, and for records with a method or board that no configuration could name.
    """
    try:
        method = MethodName.read(record.run.method)
        AtomBoard.of(record.run.board)
    except ConfigError:
        return None
    if method.name not in METHODS and not method.source:
        return None
    metrics = [metric for metric in record.metrics if (metric.protocol, metric.metric) in NEEDED]
    strata = [stratum for stratum in record.strata if (stratum.kind, stratum.name) == ("background", "all")]
    update = {"metrics": metrics, "strata": strata, "reliability": [], "errors": {}, "curve": [], "own": {}}
    return record.model_copy(update=update)
