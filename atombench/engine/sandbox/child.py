"""The child process of a submitted method: it confines itself, imports the method, and executes one step.

parent.py starts it with its working folder as the only argument.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import sys
import threading
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from pydantic import TypeAdapter

from atombench.engine.answers import Ragged
from atombench.engine.contract import Method, Resources
from atombench.engine.sandbox.call import read_job
from atombench.engine.sandbox.confine import restrict_calls, restrict_files, restrict_resources
from atombench.engine.sandbox.parent import LENGTHS, read_input
from atombench.engine.sandbox.probes import RESULT, attempt_all
from atombench.errors import AtomBenchError
from atombench.io.files import write_json
from atombench.io.schema import validated
from atombench.io.tensors import load_tensors, save_tensors


def load_method(work: Path, job: dict[str, Any]) -> Method:
    """Import the class of the method and build it with its options."""
    place, _, cls = job["place"].partition(":")
    sys.path.insert(0, str(work / "method"))
    module = _from_file(work / "method" / place) if place.endswith(".py") else importlib.import_module(place)
    method_class = getattr(module, cls)
    method: Method = method_class(validated(TypeAdapter(method_class.Options), job["options"], f"options of {cls}"))
    return method


def _from_file(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("submitted_method", path)
    if spec is None or spec.loader is None:
        msg = f"{path.name} cannot be imported"
        raise ImportError(msg)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def fit(method: Method, work: Path, job: dict[str, Any], resources: Resources) -> None:
    """Train the method and write its weights."""
    save_tensors(work / "out.safetensors", method.fit(read_input(work, job), resources))


def predict(method: Method, work: Path, job: dict[str, Any], resources: Resources) -> None:
    """Predict with the method and write its answers."""
    weights, _ = load_tensors(work / "weights.safetensors")
    answers = method.predict(weights, read_input(work, job), resources)
    columns = {name: np.asarray(array) for name, array in answers.arrays.items() if not isinstance(array, Ragged)}
    for name, array in answers.arrays.items():
        if isinstance(array, Ragged):
            columns |= {name: array.values, f"{name}{LENGTHS}": array.lengths}
    texts = {"about": json.dumps(dict(answers.about), default=str), "probabilities": str(bool(answers.probabilities)).lower()}
    save_tensors(work / "out.safetensors", columns, texts)


def _end_with_parent() -> None:
    """Exit when standard input is closed, which means that the parent has exited."""

    def wait() -> None:
        os.read(0, 1)
        os._exit(143)

    threading.Thread(target=wait, daemon=True).start()


def main() -> None:
    """Execute the step that the job file in the folder describes."""
    work = Path(sys.argv[1])
    job = read_job(work)
    restrict_resources(job["disk_mb"])
    if job["seccomp"]:
        importlib.import_module("pyseccomp")  # finds its library with programs that are not executable afterwards
    if job["landlock"]:
        restrict_files(work, tuple(map(Path, (*job.get("pretrained", {}).values(), *job.get("packages", ())))))
    if job["seccomp"]:
        restrict_calls()
    if job["step"] == "probe":
        write_json(work / RESULT, attempt_all(job["decoys"]))
        return
    _end_with_parent()
    resources = Resources(
        seed=job["seed"],
        device=job["device"],
        threads=job["threads"],
        curve=work / "curve.jsonl",
        pretrained={name: Path(path) for name, path in job["pretrained"].items()},
    )
    sys.path[:0] = job["packages"]
    try:
        method = load_method(work, job)
        {"fit": fit, "predict": predict}[job["step"]](method, work, job, resources)
    except AtomBenchError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
