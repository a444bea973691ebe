"""A stranger recomputes a score from docs/protocol.md; the package only makes the files and the record."""

import hashlib
import json
import math
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from atombench.records.record import load_record, save_record
from atombench.submissions.queries import write_queries
from atombench.submissions.score import score
from tests.conftest import volume_set
from tests.submissions.conftest import Board, saved


def words(count: int, *name: object) -> np.ndarray:
    key = hashlib.sha256("\x1f".join(map(str, name)).encode()).digest()[:16]
    return np.random.Philox(key=int.from_bytes(key, "little")).random_raw(count)


def uniform(count: int, *name: object) -> list[float]:
    return [int(word >> np.uint64(11)) * 2.0**-53 for word in words(count, *name)]


def permutation(count: int, *name: object) -> list[int]:
    drawn = words(count, *name)
    return sorted(range(count), key=lambda number: int(drawn[number]))


def points(centre: list[int], normal: list[float], s: int) -> dict[tuple[int, int], tuple[int, ...]]:
    """Return the voxel that each pixel (a, b) shows."""
    x, y, z = normal
    q = (x * x + y * y) + z * z
    length = math.sqrt(q)
    d = q + z * length if z >= 0 else (x * x + y * y) * length / (length - z)
    found = {}
    for a in range(-2 * s, 2 * s):
        for b in range(-2 * s, 2 * s):
            if d == 0:
                exact = (a, -b, 0.0)
            else:
                exact = (
                    (a * (d - x * x) - b * (x * y)) / d,
                    (b * (d - y * y) - a * (x * y)) / d,
                    (a * -x + b * -y) / length,
                )
            found[a, b] = tuple(round(offset + at) for offset, at in zip(exact, centre, strict=True))
    return found


def correct_boxes(shown: dict[tuple[int, int], tuple[int, ...]], s: int) -> set[int]:
    corners = [shown[a, b] for a in (-2 * s, 2 * s - 1) for b in (-2 * s, 2 * s - 1)]
    inside = []
    for axis in range(3):
        starts = [(c, fine, 5 * s * c + 2 * s * fine) for c in range(3) for fine in range(3)]
        at = [corner[axis] for corner in corners]
        inside.append([(c, fine) for c, fine, start in starts if start <= min(at) and max(at) <= start + 6 * s - 1])
    return {
        27 * (9 * i[0] + 3 * j[0] + k[0]) + 9 * i[1] + 3 * j[1] + k[1]
        for i in inside[0] for j in inside[1] for k in inside[2]
    }  # fmt: skip


class Exported:
    """The order of the exported cases, as the page describes it."""

    def __init__(self, volume: list[int], digest: str) -> None:
        count, numbers = len(volume), sorted(set(volume))
        shuffled = permutation(count, "1.0", "query order", digest)
        self.rows = sorted(shuffled, key=lambda row: volume[row])  # row of the manifest of each query
        own = [numbers.index(volume[row]) for row in self.rows]
        total, stream = len(numbers), ("1.0", "mixed", digest, "")
        share = min(1.0, 3000 / count)
        chosen = sorted(permutation(total, *stream, "moved")[: max(1, round(share * total))])
        cases = [("true", q, own[q], q) for q in range(count)]
        cases += [("shift", q, total + chosen.index(own[q]), q) for q in range(count) if own[q] in chosen]
        for q in self._asked(count, share, *stream, "section-swap"):
            cases.append(("section-swap", q, own[q], (q + count // 2) % count))
        asked = self._asked(count, share, *stream, "volume-swap")
        owners = [*range(total), *chosen]
        first = uniform(len(owners), *stream, "hosts")
        taken = [sum(case[2] == number for case in cases) + first[number] / 2 for number in range(len(owners))]
        hosts = {}
        for turn in permutation(len(asked), *stream, "turns"):
            free = [number for number in range(len(owners)) if owners[number] != own[asked[turn]]]
            hosts[asked[turn]] = min(free, key=lambda number: taken[number])
            taken[hosts[asked[turn]]] += 1
        cases += [("volume-swap", q, hosts[q], q) for q in asked]
        place = permutation(len(owners), *stream, "volumes")
        mixed = permutation(len(cases), *stream, "cases")
        self.cases = [cases[number] for number in sorted(mixed, key=lambda number: place[cases[number][2]])]
        self.place = place
        self.names = [
            hashlib.sha256("\x1f".join(("1.1", "query id", digest, str(position))).encode()).hexdigest()[:12]
            for position in range(len(cases))
        ]

    @staticmethod
    def _asked(count: int, share: float, *stream: object) -> list[int]:
        return sorted(permutation(count, *stream, "asked")[: max(1, round(share * count))])


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Board:
    return saved(tmp_path_factory.mktemp("stranger") / "results", volume_set((4, 2, 3)), "hard")


def test_the_page_suffices_to_recompute_value_and_interval(board: Board, tmp_path: Path) -> None:
    s = 1
    write_queries(board.made, tmp_path / "queries")
    folder = board.submission(tmp_path)
    (record,) = score(folder, board.results)
    save_record(tmp_path / "record.json", record)

    table = pq.read_table(next((board.results / "atom").rglob("manifest.parquet")))
    digest = table.schema.metadata[b"digest"].decode()
    rows = [row for row in table.to_pylist() if row["split"] == "test"]
    exported = Exported([row["volume"] for row in rows], digest)
    volumes, sections = (np.load(tmp_path / f"queries/{name}.npy") for name in ("volumes", "sections"))
    lines = (tmp_path / "queries/queries.csv").read_text().splitlines()[1:]
    assert [line.split(",")[0] for line in lines] == exported.names
    assert [int(line.split(",")[1]) for line in lines] == [exported.place[case[2]] for case in exported.cases]

    answers = np.load(folder / "predictions/a.npz")
    given = dict(zip(answers["query"].tolist(), answers["boxes"], strict=True))
    hits, counted = {}, {}
    for position, (kind, query, host, _) in enumerate(exported.cases):
        if kind != "true":
            continue
        row = rows[exported.rows[query]]
        shown = points([row[f"centre_{c}"] for c in "ijk"], [row[f"normal_{c}"] for c in "ijk"], s)
        for (a, b), voxel in shown.items():
            inside = all(0 <= index < 20 * s for index in voxel)
            expected = volumes[exported.place[host]][voxel] if inside else 0.0
            assert sections[position, b + 2 * s, a + 2 * s] == expected
        boxes = correct_boxes(shown, s)
        if boxes:
            scores = given[exported.names[position]]
            best = next(number for number in range(729) if scores[number] == scores.max())
            counted[row["volume"]] = counted.get(row["volume"], 0) + 1
            hits[row["volume"]] = hits.get(row["volume"], 0) + (best in boxes)

    order = sorted(counted)
    value = sum(hits.values()) / sum(counted.values())
    drawn = [int(word) % len(order) for word in words(2000 * len(order), "bootstrap", len(order))]
    resampled = []
    for resample in range(2000):
        chosen = [order[number] for number in drawn[resample * len(order) : (resample + 1) * len(order)]]
        resampled.append(sum(hits[v] for v in chosen) / sum(counted[v] for v in chosen))
    low, high = np.percentile(resampled, [2.5, 97.5])

    stated = load_record(tmp_path / "record.json").find("strict", "fine_recall@1")
    assert stated is not None
    assert json.loads((tmp_path / "record.json").read_text())["digests"]["manifest"] == digest
    assert (stated.value, stated.ci_low, stated.ci_high) == pytest.approx((value, low, high), abs=1e-9)
    assert value > 0
    assert low < value < high


@pytest.mark.parametrize("normal", [(0.0, 0.0, -2.0), (3.0, 4.0, -1.0), (1.0, 2.0, 2.0), (0.3, -0.2, 0.9), (0.0, 1.0, -1e-9)])
def test_the_formula_of_the_page_is_the_smallest_rotation(normal: tuple[float, float, float]) -> None:
    """Rounded points lie within half a voxel of the plane, and distances from the centre are kept."""
    unit = np.array(normal) / np.linalg.norm(normal)
    for (a, b), voxel in points([0, 0, 0], list(normal), 2).items():
        assert abs(np.dot(unit, voxel)) < 0.87
        assert abs(np.linalg.norm(voxel) - math.hypot(a, b)) < 0.87
