"""Submitted methods that execute given statements, for tests of the sandbox."""

from pathlib import Path

from atombench.engine.contract import Resources
from atombench.engine.sandbox.parent import SandboxedMethod
from atombench.tasks.atom.manifest import Manifest
from atombench.tasks.atom.task import ATOM
from atombench.tasks.atom.training import make_training
from atombench.volumes.curated import Curated

HEAD = """
import numpy as np
from atombench.engine.contract import Answers, Options

class Mine:
    Options = Options
    smoke = {}
    def __init__(self, options):
        self.options = options
    def fit(self, training, resources):
        FIT
        return {}
    def predict(self, weights, queries, resources):
        PREDICT
        return Answers(boxes=np.random.default_rng(0).random((len(queries), 729), dtype=np.float32))
"""
YAML = "name: mine\nmethod: {{file: method.py, cls: Mine, memory_mb: {memory}, disk_mb: {disk}, minutes: 1}}\n"


def submitted(root: Path, fit: str = "pass", predict: str = "pass", memory: int = 1500, disk: int = 1900) -> SandboxedMethod:
    """Return a submitted method that executes the given statements."""
    folder = root / "mine"
    folder.mkdir(parents=True)
    (folder / "method.py").write_text(HEAD.replace("FIT", fit).replace("PREDICT", predict))
    (folder / "submission.yaml").write_text(YAML.format(memory=memory, disk=disk))
    return SandboxedMethod("mine", {}, ATOM.answers, root)


def fitted(method: SandboxedMethod, data: Curated, manifest: Manifest) -> None:
    method.fit(make_training(data, manifest), Resources(seed=1))
