"""All measures, by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from atombench.similarity.gradient_fields import NormalisedGradientFields
from atombench.similarity.measure import Measure
from atombench.similarity.mind import Mind
from atombench.similarity.mutual_information import MutualInformation
from atombench.similarity.ncc import AbsoluteNcc, Ncc
from atombench.similarity.ssd import Ssd

Similarity = Literal["ssd", "ncc", "absolute-ncc", "mutual-information", "gradient-fields", "mind"]
"""A name of a measure."""

MEASURES: Mapping[str, Measure] = {
    measure.name: measure for measure in (Ssd(), Ncc(), AbsoluteNcc(), MutualInformation(), NormalisedGradientFields(), Mind())
}
