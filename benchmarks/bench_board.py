"""Leaderboard of 500 methods on 20 boards under 3 conditions: build time, page sizes and load times.

Records are synthetic, with the size of those of the default run (24 test volumes, 38 strata, curves, answers, failures); one
in twenty methods has three seeds. `--methods` and `--boards` reduce the size. Load times are omitted without a browser.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from atombench.records.board import CLEAN, Board, Setting
from atombench.records.layout import VERSION
from atombench.records.run import Run
from benchmarks.timing import REPEATS
from tests.browser.chrome import opened
from tests.records.made import full

CONTROLS = ("random", "constant", "section-only", "volume-only", "oracle-coarse", "exhaustive")
DATASETS = ("mni-subjects", "vesselmnist3d", "ixi-t1", "hippocampus", "organmnist3d")
CONDITIONS = (CLEAN, "histology-1", "histology-2")
NAMES = ("hard-none-x1", "hard-pos-x1", "uniform-none-x1", "hard-vol-x1")
BOARDS = [Board("atom", *parts) for parts in itertools.product(DATASETS, NAMES)]
SETTINGS = [Setting(board, condition) for board, condition in itertools.product(BOARDS, CONDITIONS)]


def templates(methods: int) -> list[dict[str, Any]]:
    """Return records of all methods and seeds on one board."""
    records = []
    for number in range(methods):
        control = number < len(CONTROLS)
        name = CONTROLS[number] if control else f"method-{number:03d}"
        for seed in (1, 2, 3) if number % 20 == 19 else (1,):
            record = full(name, seed, 0.02 + 0.9 * number / methods, role="control" if control else "submission")
            records.append(record.model_dump(mode="json"))
    return records


def write(folder: Path, methods: int, boards: int) -> tuple[Path, int, int]:
    """Write the records of all boards and the list of records; return the path of the list, record count and bytes."""
    entries: list[dict[str, str]] = []
    size = 0
    for content in templates(methods):
        for setting in SETTINGS[:boards]:
            run = Run.of(setting.board, content["run"]["method"], content["run"]["seed"], setting.condition)
            path = folder / "records" / f"{len(entries)}.json"
            path.parent.mkdir(exist_ok=True)
            text = json.dumps({**content, "run": run.model_dump()}, indent=1, sort_keys=True).encode()
            path.write_bytes(text)
            entries.append({"run": run.key, "record": str(path), "sha256": hashlib.sha256(text).hexdigest()})
            size += len(text)
    runs = folder / "run.json"
    runs.write_text(json.dumps({"layout": VERSION, "run": "many", "config": {}, "records": entries}))
    return runs, len(entries), size


def build(run: Path, out: Path) -> tuple[float, float]:
    """Run `atombench board`; return its time in seconds and its peak memory in MiB."""
    command = ["atombench", "board", str(run), "--out", str(out)]
    start = time.perf_counter()
    child = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    if status:
        sys.exit(f"atombench board failed with {status}")
    return time.perf_counter() - start, usage.ru_maxrss / 1024


def interactive(page: Path) -> float:
    """Return the median time in seconds from the start of loading a page until its table is interactive."""
    times = []
    for _ in range(REPEATS):
        with opened(page) as chrome:
            times.append(chrome.execute_script("return performance.getEntriesByName('interactive')[0].startTime") / 1000)
    return median(times)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--methods", type=int, default=500)
    parser.add_argument("--boards", type=int, default=60)
    parser.add_argument("--builds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run, count, size = write(folder, options.methods, options.boards)
        print(f"{options.methods} methods on {options.boards} boards: {count:,} records, {size / 1e9:.2f} GB")
        times = [build(run, folder / "site") for _ in range(options.builds)]
        seconds = [elapsed for elapsed, _ in times]
        print(f"built in {median(seconds):.1f} s (median of {len(seconds)}: {min(seconds):.1f} to {max(seconds):.1f})")
        print(f"peak memory of a process {max(memory for _, memory in times):.0f} MiB")
        pages = sorted((folder / "site").rglob("*.html"))
        print(f"{len(pages)} pages; start page {(folder / 'site/index.html').stat().st_size / 1000:.0f} kB")
        board = max((folder / "site/boards").glob("*.html"), key=lambda page: page.stat().st_size)
        print(f"largest board page {board.stat().st_size / 1e6:.2f} MB")
        if shutil.which("chromium"):
            print(f"start page interactive after {interactive(folder / 'site/index.html'):.2f} s (median of {REPEATS})")
            print(f"largest board page interactive after {interactive(board):.2f} s (median of {REPEATS})")


if __name__ == "__main__":
    main()
