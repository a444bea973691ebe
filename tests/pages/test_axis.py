import pytest

from atombench.pages.axis import Axis, with_unit, written
from atombench.records.metric import Unit
from atombench.tasks.atom.specs import SPECS

ERROR = next(spec for spec in SPECS if spec.unit == "mm")


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.0305, "share", "3.0"),
        (1.0, "share", "100.0"),
        (-0.5, "share", "-50.0"),
        (1e308, "share", "1.0e+308"),
        (12.345, "number", "12.35"),
        (282562.0, "count", "282\u202f562"),
        (0.0, "count", "0"),
        (3.21, "seconds", "3.2"),
        (1e9, "seconds", "1.0e+09"),
        (3.456, "mm", "3.46"),
        (12.5, "percent", "12.50"),
    ],
)
def test_numbers_are_formatted_by_unit(value: float, unit: Unit, text: str) -> None:
    assert written(value, unit) == text


def test_numbers_can_be_formatted_with_their_unit() -> None:
    assert [with_unit(0.25, "share"), with_unit(3.2, "mm"), with_unit(7, "count")] == ["25.0 %", "3.20 mm", "7"]


def test_shares_are_drawn_on_a_logarithmic_axis_and_clipped_to_it() -> None:
    axis = Axis.of(SPECS[0], [0.2])
    assert [axis.place(value) for value in (0.001, 0.01, 0.1, 1.0)] == pytest.approx([0, 100 / 3, 200 / 3, 100])
    assert axis.place(-3) == axis.place(0) == 0
    assert axis.place(1e308) == 100
    assert axis.labels == ("0.1", "1", "10", "100 %")


@pytest.mark.parametrize(
    ("highest", "labels"),
    [
        (43.5, ("0", "20", "40", "60 mm")),
        (0.3, ("0", "0.1", "0.2", "0.3 mm")),
        (3.0, ("0", "1", "2", "3 mm")),
        (3.01, ("0", "2", "4", "6 mm")),
        (0.0, ("0", "1", "2", "3 mm")),
        (1e308, ("0", "1e+12", "2e+12", "3e+12 mm")),
        (5e-324, None),
    ],
)
def test_other_numbers_are_drawn_on_a_linear_axis_with_round_labels(highest: float, labels: tuple[str, ...] | None) -> None:
    axis = Axis.of(ERROR, [0.0, highest, float("inf"), float("nan")])
    assert labels is None or axis.labels == labels
    assert axis.highest >= min(highest, 3e12)
    assert 0 <= axis.place(highest) <= 100
    assert axis.place(axis.highest / 2) == pytest.approx(50)
    assert axis.place(-1.0) == 0
