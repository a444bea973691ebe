"""Validation in a process of its own, with limits: whatever a file does to its reader, the caller goes on.

The checks in this process look at sizes before they read; a file that lies about them, or a fault in a library, can still take
memory and time without end. Then the child is ended, and that is the problem that is told.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from atombench.submissions.boards import RESULTS
from atombench.submissions.problems import Problems, printable
from atombench.submissions.validate import validate

MEMORY_BYTES = 8 << 30  # of addresses; reading 64 176 x 729 scores takes about 2 GiB of them
SECONDS = 10.0
SECONDS_PER_GB = 40.0  # of predictions files that are there
FILES_READ = 2000


def guarded_validate(
    folder: Path,
    queries: Sequence[Path] = (),
    results: Path = RESULTS,
    boards: Sequence[str] = (),
    seeds: Sequence[int] = (),
) -> tuple[str, list[str]]:
    """Check a submission in a child process.

    Args:
        folder: the submission.
        queries: folders of queries, for boards that the workflow has not made here.
        results: the workflow's results.
        boards: read answers to these boards alone; all if empty.
        seeds: read answers of these seeds alone; all if empty.

    Returns:
        What it is, in a few words, and all problems.
    """
    places = {"folder": str(folder), "queries": [str(path) for path in queries], "results": str(results)}
    job = {**places, "boards": list(boards), "seeds": list(seeds), "memory": MEMORY_BYTES}
    seconds = SECONDS + SECONDS_PER_GB * _gigabytes(folder)
    command = [sys.executable, "-m", "atombench.submissions.guarded"]
    problems = Problems()
    try:
        child = subprocess.run(command, input=json.dumps(job).encode(), capture_output=True, timeout=seconds, check=False)
        if child.returncode == 0:
            found = json.loads(child.stdout)
            return found["what"], found["problems"]
    except subprocess.TimeoutExpired:
        problems.add(folder.name, f"could not be read within {seconds:.0f} seconds; files are not what they say")
        return "", problems.lines
    words = (child.stderr.decode(errors="replace").strip().splitlines() or ["no word"])[-1]
    problems.add(folder.name, f"could not be read within {MEMORY_BYTES >> 30} GiB of memory, or broke its reader ({words})")
    return "", problems.lines


def _gigabytes(folder: Path) -> float:
    """Room that the files of a folder take on the disk; holes do not count."""
    total = 0
    for number, path in enumerate(folder.rglob("*") if folder.is_dir() else ()):
        if number > FILES_READ:
            break
        try:
            total += path.lstat().st_blocks * 512
        except OSError:
            continue
    return total / 1e9


def main() -> None:
    """Check the submission that standard input names, and print what was found as JSON."""
    job = json.loads(sys.stdin.buffer.read())
    resource.setrlimit(resource.RLIMIT_AS, (job["memory"], job["memory"]))
    places = [Path(path) for path in job["queries"]]
    submission, problems = validate(Path(job["folder"]), places, Path(job["results"]), job["boards"], job["seeds"])
    what = ""
    if submission is not None:
        count = len(submission.boards)
        what = f"{count} boards, seeds {submission.seeds}" if count else "a method, which is not run by this check"
    sys.stdout.write(json.dumps({"what": printable(what), "problems": problems}))


if __name__ == "__main__":
    main()
