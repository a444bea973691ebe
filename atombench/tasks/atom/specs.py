"""The metrics of `atom`, in the order of their columns."""

from __future__ import annotations

from functools import partial

from atombench.records.metric import PUBLISHED, SHIFT, STRICT, MetricSpec, exchange_protocol
from atombench.tasks.atom.answers import FINE_DEPTHS
from atombench.tasks.atom.protocol import PRIMARY

VOLUME_SWAP, SECTION_SWAP = exchange_protocol("volume"), exchange_protocol("section")
NOT_LEARNED = "only learned methods are run again with exchanged inputs"
NO_POSE = "this method predicts boxes, not poses"
NO_MM = "this method predicts no poses, or the voxel size is unknown"

_share = partial(MetricSpec, unit="share", has_chance=True)
_hidden = partial(_share, shown=False)
_error = partial(MetricSpec, STRICT, higher_is_better=False, shown=False)
_swapped = partial(_share, why_absent=NOT_LEARNED)

SPECS: tuple[MetricSpec, ...] = (
    _share(
        STRICT,
        PRIMARY,
        heading="recall@1",
        column="recall1",
        meaning="share of sections whose best-scored box of 729 is correct; ranked",
    ),
    _swapped(
        VOLUME_SWAP,
        PRIMARY,
        heading="volumes swapped",
        column="volume-swap",
        meaning="recall@1 when each volume is replaced by another test volume; unchanged if a method ignores the volume",
    ),
    _swapped(
        SECTION_SWAP,
        PRIMARY,
        heading="sections swapped",
        column="section-swap",
        meaning="recall@1 when each section is replaced by a section of another volume",
    ),
    _swapped(
        SHIFT,
        PRIMARY,
        heading="volumes moved",
        column="shift",
        meaning="recall@1 when each volume is moved along its axes and the correct boxes move with it; falls if a method"
        " recites positions",
    ),
    _share(
        STRICT,
        "fine_recall@5",
        heading="recall@5",
        column="recall5",
        meaning="one of the five best-scored boxes is correct",
    ),
    _hidden(
        STRICT,
        "fine_recall@10",
        heading="recall@10",
        column="recall10",
        meaning="one of the ten best-scored boxes is correct",
    ),
    _hidden(
        STRICT,
        "mean_reciprocal_rank",
        heading="MRR",
        column="mrr",
        meaning="mean of 1 / rank of the best-ranked correct box, in percent",
    ),
    _share(
        STRICT,
        "coarse_recall@1",
        heading="coarse@1",
        column="coarse1",
        meaning="the best of 27 coarse blocks, by summed scores, is correct",
    ),
    _hidden(
        STRICT,
        "coarse_recall@5",
        heading="coarse@5",
        column="coarse5",
        meaning="one of the five best coarse blocks is correct",
    ),
    _error(
        "calibration_error",
        "share",
        "ECE",
        column="calibration",
        meaning="expected calibration error of the confidence in the best box, in percent; lower is better",
        why_absent="this method's scores are not probabilities",
    ),
    _hidden(
        STRICT,
        "centre_hit",
        heading="centre hit",
        column="hit",
        has_chance=False,
        why_absent=NO_POSE,
        meaning="share of sections whose predicted centre is within 1.5 voxels of the true one, times the scale",
    ),
    _error(
        "centre_voxel",
        "voxel",
        "centre, voxels",
        column="centre",
        why_absent=NO_POSE,
        meaning="distance of the predicted centre, in voxels",
    ),
    _error(
        "centre_mm",
        "mm",
        "centre, mm",
        column="centre-mm",
        why_absent=NO_MM,
        meaning="distance of the predicted centre, in mm",
    ),
    _error(
        "corner_voxel",
        "voxel",
        "corners, voxels",
        column="corner",
        why_absent=NO_POSE,
        meaning="mean distance of the four corners, in voxels",
    ),
    _error(
        "corner_mm",
        "mm",
        "corners, mm",
        column="corner-mm",
        why_absent=NO_MM,
        meaning="mean distance of the four corners, in mm",
    ),
    _error(
        "angle_degree",
        "degree",
        "angle, °",
        column="angle",
        why_absent=NO_POSE,
        meaning="angle between true and predicted normal, in degrees",
    ),
    _share(
        PUBLISHED,
        "high@5",
        heading="high@5",
        column="high5",
        meaning="as in the paper, not ranked: the five best coarse blocks contain a correct one",
    ),
    _share(
        PUBLISHED,
        "oracle_low@5",
        heading="oracle low@5",
        column="low5",
        meaning="as in the paper, not ranked: the label opens the block, then the five best boxes",
    ),
    _hidden(
        PUBLISHED,
        "high@1",
        heading="high@1",
        column="high1",
        meaning="as in the paper, not ranked: the best coarse block is correct",
    ),
    _hidden(
        PUBLISHED,
        "oracle_low@1",
        heading="oracle low@1",
        column="low1",
        meaning="as in the paper, not ranked: the label opens the block, then the best box",
    ),
    *(
        MetricSpec(
            swap,
            f"fine_recall@{k}",
            "share",
            f"recall@{k}, {swap}",
            f"recall@{k} under the exchange {swap}",
            has_chance=True,
            why_absent=NOT_LEARNED,
            shown=False,
        )
        for swap in (VOLUME_SWAP, SECTION_SWAP)
        for k in FINE_DEPTHS[1:]
    ),
)
