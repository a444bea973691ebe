"""The audit files named in run lists."""

from __future__ import annotations

from pathlib import Path

from atombench.audit.record import BoardFindings, VolumeFindings, load_findings
from atombench.errors import DataError
from atombench.io.files import file_digest
from atombench.progress import logger
from atombench.records.run_list import read_list


def load_audits(runs: list[Path]) -> tuple[list[VolumeFindings | BoardFindings], list[str]]:
    """Read the listed audits, each once; also return notes on the audits left out.

    Audits are left out if they are missing, damaged, or changed since they were listed.
    """
    listed: dict[Path, set[str]] = {}
    for run in sorted(runs):
        for entry in read_list(run).audits:
            listed.setdefault(entry.audit, set()).add(entry.sha256)
    findings, left_out = [], []
    for path, sums in sorted(listed.items()):
        try:
            if file_digest(path) not in sums:
                msg = f"{path} has changed since it was listed; run the workflow for it again"
                raise DataError(msg)
            findings.append(load_findings(path))
        except DataError as error:
            left_out.append(str(error))
            logger.warning("left out: %s", error)
    return findings, left_out
