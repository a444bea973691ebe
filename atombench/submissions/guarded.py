"""Validation in a child process with limits on memory and time, so that a malicious file cannot harm the caller.

The checks verify sizes before reading; a file with false size information, or a library bug, can still exhaust memory or time.
The child is then terminated, and this is reported as the problem.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from atombench.io.text import one_line
from atombench.submissions.problems import Problems
from atombench.submissions.validate import validate
from atombench.tasks.made_board import RESULTS

MEMORY_BYTES = 8 << 30  # of address space; reading 64 176 x 729 scores needs about 2 GiB
SECONDS = 10.0
SECONDS_PER_GB = 40.0  # of files in the folder
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
        queries: folders of exported queries, for boards that are not in the results.
        results: results folder of the workflow.
        boards: boards for which to read answers; all if empty.
        seeds: seeds for which to read answers; all if empty.

    Returns:
        A short description of the submission, and all problems.
    """
    places = {"folder": str(folder), "queries": [str(path) for path in queries], "results": str(results)}
    job = {**places, "boards": list(boards), "seeds": list(seeds), "memory": MEMORY_BYTES}
    seconds = SECONDS + SECONDS_PER_GB * _gigabytes(folder)
    command = [sys.executable, "-m", "atombench.submissions.guarded"]
    problems = Problems()
    try:
        child = subprocess.run(command, input=json.dumps(job).encode(), capture_output=True, timeout=seconds, check=False)
        if child.returncode == 0:
            result = json.loads(child.stdout)
            return result["what"], result["problems"]
    except subprocess.TimeoutExpired:
        problems.add(folder.name, f"could not be read within {seconds:.0f} seconds; a file may be malformed")
        return "", problems.lines
    reason = (child.stderr.decode(errors="replace").strip().splitlines() or ["no error message"])[-1]
    problems.add(folder.name, f"could not be read within {MEMORY_BYTES >> 30} GiB of memory, or crashed its reader ({reason})")
    return "", problems.lines


def _gigabytes(folder: Path) -> float:
    """Return the disk usage of the files of a folder in GB; holes in sparse files are not counted."""
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
    """Validate the submission described on standard input and write the result as JSON to standard output."""
    job = json.loads(sys.stdin.buffer.read())
    resource.setrlimit(resource.RLIMIT_AS, (job["memory"], job["memory"]))
    places = [Path(path) for path in job["queries"]]
    submission, problems = validate(Path(job["folder"]), places, Path(job["results"]), job["boards"], job["seeds"])
    what = ""
    if submission is not None:
        count = len(submission.boards)
        what = f"{count} boards, seeds {submission.seeds}" if count else "a method, which this check does not run"
    sys.stdout.write(json.dumps({"what": one_line(what), "problems": problems}))


if __name__ == "__main__":
    main()
