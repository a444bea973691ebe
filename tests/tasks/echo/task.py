"""`echo`: repeat a list of numbers. The smallest task with lower-is-better, no chance level, ragged answers and conditions."""

from typing import ClassVar, Literal

import numpy as np

from atombench import streams
from atombench.engine.answers import Answers, Field, Ragged
from atombench.engine.contract import Options
from atombench.engine.entry import Entry
from atombench.engine.manifest import TableManifest
from atombench.records.metric import STRICT, MetricSpec
from atombench.statistics.values import Values
from atombench.tasks.task import Asked, Block, Clusters, Task


class EchoBlock(Block):
    task: Literal["echo"] = "echo"


class Repeat:
    Options, smoke = Options, {}

    def __init__(self, options):
        self.options = options

    def fit(self, training, resources):
        return {"seen": np.array([len(training)])}

    def predict(self, weights, queries, resources):
        return Answers(values=Ragged.of(queries), about={"parameters": 1})


class Silent(Repeat):
    def predict(self, weights, queries, resources):
        return Answers(values=Ragged.of([np.zeros_like(query) for query in queries]))


class Echo(Task):
    name, title, block = "echo", "numbers to repeat", EchoBlock
    conditions = ("clean", "noise-1")
    answers = (Field("values", None, "float64"),)
    metrics = (MetricSpec(STRICT, "error", "number", "error", "mean absolute difference", higher_is_better=False),)
    primary = (STRICT, "error")
    methods: ClassVar = {
        "repeat": Entry(__name__, "Repeat", "search", False, "repeats what it hears"),
        "silent": Entry(__name__, "Silent", "control", False, "answers zeros", required=True),
    }

    def form(self, board):
        return "cube20"

    def draw(self, data, board, settings):
        parts = {part: {"volume": data.index.rows(part)} for part in ("train", "val", "test")}
        return TableManifest(board, self.protocol, data.index.digest, parts)

    def load_manifest(self, path):
        return TableManifest.load(path, self.protocol)

    def truth(self, data, manifest):
        return [streams.uniform(1 + int(volume) % 3, "echo", volume) for volume in manifest.parts["test"]["volume"]]

    training = truth

    def queries(self, data, manifest, condition="clean"):
        heard = [numbers + 0.1 * (condition != "clean") for numbers in self.truth(data, manifest)]
        return Asked(heard, np.arange(len(heard)), {"numbers": np.concatenate(heard)})

    def score(self, answers, truth):
        errors = np.array([np.abs(a - b).mean() for a, b in zip(answers.rows("values"), truth, strict=True)])
        return [Values(STRICT, "error", errors, np.ones(len(errors), bool))]

    def clusters(self, data, manifest):
        volumes = manifest.parts["test"]["volume"]
        return Clusters([data.index.ids[row] for row in volumes], np.arange(len(volumes)))


ECHO = Echo()
