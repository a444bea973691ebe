"""Exchanged cases of `atom`, mixed with the test queries."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from atombench import streams
from atombench.engine.answers import Answers
from atombench.engine.exchanges import TRUE, Mixed
from atombench.records.metric import SHIFT, exchange_protocol
from atombench.tasks.atom.answers import KEPT
from atombench.tasks.atom.manifest import Manifest
from atombench.tasks.atom.poses import pose_scores
from atombench.tasks.atom.protocol import FIRST
from atombench.tasks.atom.queries import Queries, arrays_of
from atombench.tasks.atom.shifts import volume_shifts

INPUTS = ("volume", "section")
VOLUME_SWAP, SECTION_SWAP = (exchange_protocol(name) for name in INPUTS)
MOST_EXCHANGED = 3000  # about so many cases of each exchange
Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Cases:
    """Cases before they are mixed (K).

    Attributes:
        asked: query whose section or volume the case asks about.
        host: volume that is searched; volumes from N on are the moved ones.
        shown: query whose pixels are shown.
    """

    asked: Rows
    host: Rows
    shown: Rows


def moved(volume: NDArray[np.float32], shift: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return a volume (E, E, E) moved by whole voxels; what comes in is 0, and what goes out is lost."""
    result = np.zeros_like(volume)
    inside = tuple(slice(max(step, 0), volume.shape[axis] + min(step, 0)) for axis, step in enumerate(shift))
    source = tuple(slice(max(-step, 0), volume.shape[axis] - max(step, 0)) for axis, step in enumerate(shift))
    result[inside] = volume[source]
    return result


def mix(queries: Queries, manifest: Manifest, key: str = "") -> Mixed:
    """Return the queries mixed with exchanged cases, grouped by volume and shuffled within each volume.

    Every volume, moved or not, is searched in about as many cases, so that their numbers tell nothing.

    Args:
        queries: test queries (M) into N volumes. Fewer than two volumes cannot be exchanged.
        manifest: manifest of the board.
        key: secret that keys the order; with an empty one, anyone can compute it from the manifest.
    """
    volumes, count = len(queries.volumes), len(queries)
    if volumes < 2:
        return Mixed.only(queries, count)
    stream = (FIRST, "mixed", manifest.digest, key)
    share = min(1.0, MOST_EXCHANGED / count)
    chosen = np.sort(streams.permutation(volumes, *stream, "moved")[: max(1, round(share * volumes))])
    parts = {TRUE: Cases(np.arange(count), queries.volume_index, np.arange(count))}
    parts[SHIFT] = _shifted(queries, chosen)
    parts[SECTION_SWAP] = _other_sections(queries, _some(count, share, *stream, SECTION_SWAP))
    taken = np.bincount(np.concatenate([part.host for part in parts.values()]), minlength=volumes + len(chosen))
    owners = np.concatenate([np.arange(volumes), chosen])
    parts[VOLUME_SWAP] = _other_volumes(queries, _some(count, share, *stream, VOLUME_SWAP), taken, owners, *stream)
    shifts = volume_shifts(manifest)
    copies = [moved(queries.volumes[volume], shifts[volume]) for volume in chosen]
    return _shuffled(queries, np.concatenate([queries.volumes, np.stack(copies)]), parts, *stream)


def _some(count: int, share: float, *key: object) -> Rows:
    return np.sort(streams.permutation(count, *key, "asked")[: max(1, round(share * count))])


def _shifted(queries: Queries, chosen: Rows) -> Cases:
    asked = np.flatnonzero(np.isin(queries.volume_index, chosen))
    return Cases(asked, len(queries.volumes) + np.searchsorted(chosen, queries.volume_index[asked]), asked)


def _other_sections(queries: Queries, asked: Rows) -> Cases:
    """Show the section half a set further on, which was cut from another volume."""
    return Cases(asked, queries.volume_index[asked], (asked + len(queries) // 2) % len(queries))


def _other_volumes(queries: Queries, asked: Rows, taken: Rows, owners: Rows, *key: object) -> Cases:
    """Search other volumes, those with the fewest cases first."""
    taken, host = taken.astype(np.float64), np.empty(len(asked), dtype=np.int64)
    noise = streams.uniform(len(taken), *key, "hosts") / 2
    for number in streams.permutation(len(asked), *key, "turns"):
        own = owners == queries.volume_index[asked[number]]
        host[number] = np.argmin(np.where(own, np.inf, taken + noise))
        taken[host[number]] += 1
    return Cases(asked, host, asked)


def _shuffled(queries: Queries, volumes: NDArray[np.float32], parts: dict[str, Cases], *key: object) -> Mixed:
    """Shuffle volumes and cases; return where each case has gone."""
    place = streams.permutation(len(volumes), *key, "volumes")  # new position of each volume
    cases = Cases(*(np.concatenate([getattr(part, name) for part in parts.values()]) for name in ("asked", "host", "shown")))
    shuffled = streams.permutation(len(cases.asked), *key, "cases")
    order = shuffled[np.argsort(place[cases.host[shuffled]], kind="stable")]
    position = np.argsort(order)
    mixed = dataclasses.replace(
        queries,
        volumes=volumes[np.argsort(place)],
        volume_index=place[cases.host[order]],
        pixels=queries.pixels[cases.shown[order]],
    )
    ends = np.cumsum([len(part.asked) for part in parts.values()])[:-1]
    rows = dict(zip(parts, np.split(position, ends), strict=True))
    return Mixed(mixed, rows, {name: part.asked for name, part in parts.items()}, arrays_of(mixed))


def best_boxes(answers: Answers, queries: Queries) -> Answers:
    """Return the best boxes of each answer, ties in order of index: `best`, int16 (M, KEPT)."""
    scores = answers.get("boxes")
    if scores is None:
        scores = pose_scores(np.asarray(answers.get("centres")), np.asarray(answers.get("normals")), queries.grid)[0]
    return Answers(best=np.argsort(-scores, axis=1, kind="stable")[:, :KEPT].astype(np.int16))
