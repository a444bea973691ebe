"""kill -9 at random moments of a training, and the same command again: the same weights, bit for bit."""

import json
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest

from atombench.tasks.atom.manifest import Manifest
from atombench.volumes.volume_set import VolumeSet
from tests.conftest import ROOT
from tests.workflow.running import BIN, environment

pytestmark = pytest.mark.long
SMALL = {"validations": 6, "batch_volumes": 4, "batch_sections": 8, "val_sections": 100}
OPTIONS = {
    "regismcan-released": {**SMALL, "steps": 200},
    "regismcan": {**SMALL, "steps": 1200, "width": 16},
}
LONGEST_WAIT_SECONDS = 120


def command(folder: Path, method: str) -> list[str]:
    data = folder.parent
    return [
        str(BIN / "atombench"), "train", method, "--volumes", str(data / "volumes.npz"),
        "--manifest", str(data / "manifest.parquet"), "--options", json.dumps(OPTIONS[method]),
        "--out", str(folder / "weights.safetensors"),
        "--curve", str(folder / "curve.jsonl"), "--cost", str(folder / "training.json"),
        "--checkpoint", str(folder / "state.safetensors"), "--checkpoint-seconds", "0.2", "--log", str(folder / "log"),
    ]  # fmt: skip


def ended_by(number: signal.Signals, folder: Path, method: str, moment: random.Random) -> int:
    """Start the training, send a signal a moment after it has written its state, and give its exit status."""
    before = written(folder)
    with subprocess.Popen(command(folder, method), env=environment(ROOT), stderr=subprocess.DEVNULL) as run:
        end = time.monotonic() + LONGEST_WAIT_SECONDS
        while written(folder) == before and run.poll() is None:
            assert time.monotonic() < end, "no state was written"
            time.sleep(0.01)
        time.sleep(moment.uniform(0, 0.5))
        run.send_signal(number)
        return run.wait(LONGEST_WAIT_SECONDS)


def written(folder: Path) -> int:
    path = folder / "state.safetensors"
    return path.stat().st_mtime_ns if path.exists() else 0


@pytest.mark.parametrize("method", ["regismcan-released", "regismcan"])
def test_a_training_killed_three_times_ends_with_the_same_weights(
    method: str, toy: VolumeSet, toy_manifest: Manifest, tmp_path: Path
) -> None:
    toy.save(tmp_path / "volumes.npz")
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
    assert "the training goes on after step" in (killed / "log").read_text()
    assert not list(killed.glob("*.partial"))
