"""Options of `locus`."""

from __future__ import annotations

from pydantic import Field

from atombench.engine.training.schedule import Optimizer
from atombench.tasks.atom.methods.network import NetworkOptions


class LocusOptions(NetworkOptions):
    """Options of `locus`."""

    steps: int = Field(default=2000, ge=1, description="optimiser steps")
    batch_volumes: int = Field(default=2, ge=1, description="volumes per batch")
    batch_sections: int = Field(default=192, ge=1, description="sections per volume of a batch")
    learning_rate: float = Field(default=2e-3, gt=0)
    weight_decay: float = Field(default=1e-2, ge=0)
    optimizer: Optimizer = Field(default="muon", description="optimiser of weight matrices: adamw or muon")
    damage: int = Field(default=4, ge=0, le=5, description="highest severity of histology damage to the training sections")
    val_sections: int = Field(default=192, ge=1, description="validation sections, also for the calibration")
    features: int = Field(default=32, ge=1, description="features of a voxel and of an anchor")
    compared: int = Field(default=100, ge=1, description="random poses of each volume that its sections are compared with")
    mirror: bool = Field(default=True, description="mirror training volumes along the first axis")
    shift: int = Field(default=2, ge=0, description="largest shift of training volumes, in voxels at scale 1")
    orientations: int = Field(default=32, ge=1, description="normals of the search")
    views: int = Field(
        default=2,
        ge=1,
        le=4,
        description="views of the volume, at most 2 at scale 1: itself, mirrored, both moved by about half a cell",
    )
    poses: int = Field(default=64, ge=1, description="poses of each section from which scores of boxes are derived")
    starts: int = Field(default=4, ge=1, description="poses of each section that are refined")
    published: bool = Field(default=False, description="use the published weights instead of training")
    match: int = Field(default=100, ge=1, description="normals of the search for exact matches; times 10 at scale 1")
