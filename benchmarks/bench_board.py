"""The leaderboard of 500 methods on 60 boards: seconds to build it, sizes of its pages, seconds until a board can be used.

Records are made up, as long as those of the default run (24 test volumes, 38 strata, curves, answers, failures); one in
twenty methods has three seeds. `--methods` and `--boards` make it smaller. The browser is left out where there is none.
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

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.timing import REPEATS
from tests.browser.chrome import opened
from tests.records.made import full

CONTROLS = ("random", "constant", "section-only", "volume-only", "oracle-coarse", "exhaustive")
DATASETS = ("mni-subjects", "vesselmnist3d", "ixi-t1", "hippocampus", "organmnist3d")
LEVELS = (("clean", 0), ("histology", 1), ("histology", 2))
PLACES = list(itertools.product(DATASETS, ("hard", "uniform"), ("none", "pos"), LEVELS))


def templates(methods: int) -> list[dict[str, object]]:
    """Records of all methods and seeds on one board."""
    found = []
    for number in range(methods):
        control = number < len(CONTROLS)
        name = CONTROLS[number] if control else f"method-{number:03d}"
        for seed in (1, 2, 3) if number % 20 == 19 else (1,):
            record = full(name, seed, 0.02 + 0.9 * number / methods, role="control" if control else "submission")
            found.append(record.model_dump(mode="json"))
    return found


def write(folder: Path, methods: int, boards: int) -> tuple[Path, int, int]:
    """Records of all boards and their list; how many, and how many bytes."""
    entries, size = [], 0
    for content in templates(methods):
        for dataset, gathering, split, (degradation, severity) in PLACES[:boards]:
            unit = {
                **content["unit"], "dataset": dataset, "gathering": gathering, "split": split, "degradation": degradation,
                "severity": severity,
            }  # fmt: skip
            key = f"atom/{dataset}/{gathering}/{split}/1/{degradation}/{severity}/{unit['method']}/seed{unit['seed']}"
            path = folder / "records" / f"{len(entries)}.json"
            path.parent.mkdir(exist_ok=True)
            text = json.dumps({**content, "unit": unit}, indent=1, sort_keys=True).encode()
            path.write_bytes(text)
            entries.append({"unit": key, "record": str(path), "sha256": hashlib.sha256(text).hexdigest()})
            size += len(text)
    run = folder / "run.json"
    run.write_text(json.dumps({"run": "many", "config": {}, "records": entries}))
    return run, len(entries), size


def build(run: Path, out: Path) -> tuple[float, float]:
    """Seconds and the largest memory (MiB, of one process) of `atombench board`."""
    command = ["atombench", "board", str(run), "--out", str(out)]
    begun = time.perf_counter()
    child = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(child.pid, 0)
    if status:
        sys.exit(f"atombench board ended with {status}")
    return time.perf_counter() - begun, used.ru_maxrss / 1024


def interactive(page: Path) -> float:
    """Seconds from the start of loading a page until its table can be sorted and filtered; median of several."""
    found = []
    for _ in range(REPEATS):
        with opened(page) as chrome:
            found.append(chrome.execute_script("return performance.getEntriesByName('interactive')[0].startTime") / 1000)
    return median(found)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--methods", type=int, default=500)
    parser.add_argument("--boards", type=int, default=60)
    parser.add_argument("--builds", type=int, default=3)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run, count, size = write(folder, asked.methods, asked.boards)
        print(f"{asked.methods} methods on {asked.boards} boards: {count:,} records, {size / 1e9:.2f} GB")
        times = [build(run, folder / "site") for _ in range(asked.builds)]
        seconds = [one for one, _ in times]
        print(f"built in {median(seconds):.1f} s (median of {len(seconds)}: {min(seconds):.1f} to {max(seconds):.1f})")
        print(f"largest memory of a process {max(memory for _, memory in times):.0f} MiB")
        pages = sorted((folder / "site").rglob("*.html"))
        print(f"{len(pages)} pages; start page {(folder / 'site/index.html').stat().st_size / 1000:.0f} kB")
        board = max((folder / "site/boards").glob("*.html"), key=lambda page: page.stat().st_size)
        print(f"largest board page {board.stat().st_size / 1e6:.2f} MB")
        if shutil.which("chromium"):
            print(f"start page interactive after {interactive(folder / 'site/index.html'):.2f} s (median of {REPEATS})")
            print(f"that board interactive after {interactive(board):.2f} s (median of {REPEATS})")


if __name__ == "__main__":
    main()
