"""A method with 100 MB of pretrained weights and a package of its own goes from its folder to a reproduced row."""

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import save_file

from atombench.engine.sandbox.probes import confinement
from atombench.records.record import load_record
from atombench.submissions.new_method import new_method
from tests.engine.wheels import offline, tiny_wheel
from tests.workflow.running import RECORDS, copied, jobs, snakemake

pytestmark = pytest.mark.long
CONFIG = """
run: mine
boards:
  - {datasets: [mni-subjects], gatherings: [uniform]}
seeds: [1]
without: [random, section-only, volume-only, oracle-coarse, exhaustive]
methods:
  big-encoder:
"""
USES = """        import tinything
        from safetensors.numpy import load_file

        encoder = load_file(resources.pretrained["encoder"])
        assert encoder["weight"].nbytes == 100_000_000 and tinything.ANSWER == 42
"""


def test_weights_and_a_package_lead_to_a_reproduced_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = copied(tmp_path / "checkout")
    place = new_method("big-encoder", folder / "leaderboard/submissions")
    _, requirement = tiny_wheel(tmp_path)
    (place / "requirements.txt").write_text(requirement)
    (tmp_path / "data").mkdir()
    weights = tmp_path / "data/encoder.safetensors"
    save_file({"weight": np.ones(25_000_000, np.float32)}, weights)
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    monkeypatch.setenv("ATOMBENCH_DATA_DIRS", str(tmp_path / "data"))
    for name, value in offline(tmp_path).items():
        monkeypatch.setenv(name, value)
    about = (place / "submission.yaml").read_text()
    url = "https://example.invalid/encoder.safetensors"
    supplies = f"\n  pretrained:\n    - {{name: encoder, url: '{url}', sha256: '{digest}'}}\n  requirements: requirements.txt"
    (place / "submission.yaml").write_text(about.replace("\nmethod:", f"\nmethod:{supplies}") + "extra_data: true\n")
    method = (place / "method.py").read_text()
    body = '        """Count how often each of the 729 boxes is correct; return named arrays."""\n'
    assert body in method
    (place / "method.py").write_text(method.replace(body, body + USES))
    (folder / "mine.yaml").write_text(CONFIG)
    answer = snakemake(folder, "--configfile", "mine.yaml")
    assert answer.returncode == 0, answer.stdout
    table = pd.read_csv(folder / "results/board/results.csv")
    row = table[(table["method"] == "big-encoder") & (table["metric"] == "fine_recall@1") & (table["seed"] == "all")]
    assert set(row["origin"]) == {"reproduced"}
    (record,) = [load_record(path) for path in folder.glob(RECORDS) if "big-encoder" in path.parts]
    assert record.ended
    assert record.about["sandbox"]["network"] == confinement()["network"]
    assert record.about["sandbox"]["code"].startswith("method.py:")
    page = (folder / "results/board/boards/atom-mni-subjects-uniform-none-x1.html").read_text()
    assert ">extra-data</span>" in page
    assert jobs(snakemake(folder, "-n", "--configfile", "mine.yaml").stdout) == {}
