"""A training that is killed at random moments and restarted ends with identical weights, bit for bit."""

import json
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest

from atombench.tasks.atom.manifest import Manifest
from atombench.volumes.curated import Curated
from tests.conftest import ROOT
from tests.workflow.running import BIN, environment

pytestmark = pytest.mark.long
SMALL = {"validations": 6, "batch_volumes": 4, "batch_sections": 8, "val_sections": 100}
OPTIONS = {
    "regismcan-released": {**SMALL, "steps": 200},
    "regismcan": {**SMALL, "steps": 900, "width": 16},
}
LONGEST_WAIT_SECONDS = 120


def command(folder: Path, method: str) -> list[str]:
    data = folder.parent
    options = {
        "method": method,
        "data": data,
        "manifest": data / "manifest.parquet",
        "options": json.dumps(OPTIONS[method]),
        "out": folder / "weights.safetensors",
        "curve": folder / "curve.jsonl",
        "cost": folder / "training.json",
        "checkpoint": folder / "state.safetensors",
        "checkpoint-seconds": 0.2,
        "log": folder / "log",
    }
    return [str(BIN / "atombench"), "train", "atom/toy/hard-none-x1", *(f"--{name}={value}" for name, value in options.items())]


def ended_by(number: signal.Signals, folder: Path, method: str, moment: random.Random) -> int:
    """Start the training, send a signal shortly after it saves its state, and return its exit status."""
    before = modified(folder)
    with subprocess.Popen(command(folder, method), env=environment(ROOT), stderr=subprocess.DEVNULL) as run:
        end = time.monotonic() + LONGEST_WAIT_SECONDS
        while modified(folder) == before and run.poll() is None:
            assert time.monotonic() < end, "no state was saved"
            time.sleep(0.01)
        time.sleep(moment.uniform(0, 0.5))
        run.send_signal(number)
        return run.wait(LONGEST_WAIT_SECONDS)


def modified(folder: Path) -> int:
    path = folder / "state.safetensors"
    return path.stat().st_mtime_ns if path.exists() else 0


@pytest.mark.parametrize("method", ["regismcan", pytest.param("regismcan-released", marks=pytest.mark.thorough)])
def test_a_training_killed_three_times_ends_with_the_same_weights(
    method: str, toy_data: Curated, toy_manifest: Manifest, tmp_path: Path
) -> None:
    toy_data.save(tmp_path)
    toy_manifest.save(tmp_path / "manifest.parquet")
    undisturbed, killed = tmp_path / "undisturbed", tmp_path / "killed"
    undisturbed.mkdir()
    killed.mkdir()
    subprocess.run(command(undisturbed, method), env=environment(ROOT), check=True, capture_output=True)
    moment = random.Random(time.time_ns())
    assert [ended_by(signal.SIGKILL, killed, method, moment) for _ in range(3)] == [-9] * 3
    assert ended_by(signal.SIGTERM, killed, method, moment) == 143
    assert not (killed / "weights.safetensors").exists()
    subprocess.run(command(killed, method), env=environment(ROOT), check=True, capture_output=True)
    first, second = ((folder / "weights.safetensors").read_bytes() for folder in (undisturbed, killed))
    assert first == second
    cost = json.loads((killed / "training.json").read_text())["cost"]
    assert cost["attempts"] == 5
    assert "resuming the training after step" in (killed / "log").read_text()
    assert not list(killed.glob("*.partial"))
