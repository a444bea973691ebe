"""A board as pages name it."""

from __future__ import annotations

from dataclasses import dataclass

COORDINATES = ("dataset", "gathering", "split", "scale", "degradation", "severity")


@dataclass(frozen=True)
class Place:
    """A board, as pages name it: its coordinates, and the address of its page from the folder of boards."""

    coordinates: tuple[str | int, ...]
    slug: str

    @property
    def named(self) -> dict[str, str | int]:
        """Coordinates by name."""
        return dict(zip(COORDINATES, self.coordinates[1:], strict=True))

    @property
    def title(self) -> str:
        """Coordinates as a reader says them; clean, scale 1 and split none go without saying."""
        known = self.named
        parts = [str(known["gathering"])]
        parts += [f"split {known['split']}"] if known["split"] != "none" else []
        parts += [f"scale {known['scale']}"] if known["scale"] != 1 else []
        parts += [f"{known['degradation']} {known['severity']}"] if known["degradation"] != "clean" else []
        return f"{known['dataset']}, {', '.join(parts)}"
