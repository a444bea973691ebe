"""Title and address of a setting (a board under a condition) on the pages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from atombench.records.board import CLEAN, Setting


@dataclass(frozen=True)
class Place:
    """A setting with title and address of its page.

    Attributes:
        setting: board and condition.
        slug: address of its page, relative to the folder of boards, without suffix.
        title: title for readers.
        coordinates: values for filters, by name: task, dataset, the parts of the board name, condition.
    """

    setting: Setting
    slug: str
    title: str
    coordinates: Mapping[str, str]

    @property
    def dataset(self) -> str:
        """Name of the dataset."""
        return self.setting.board.dataset

    @property
    def clean(self) -> bool:
        """Whether the condition is `clean`."""
        return self.setting.condition == CLEAN


def title_of(setting: Setting, board_title: str) -> str:
    """Return a title of dataset, board and condition; the condition `clean` is omitted."""
    condition = "" if setting.condition == CLEAN else f", {setting.condition}"
    return f"{setting.board.dataset}, {board_title}{condition}"


def wanted_slug(setting: Setting) -> str:
    """Return the preferred address of the page of a setting, before it is sanitized."""
    condition = "" if setting.condition == CLEAN else f"-{setting.condition}"
    return f"{setting.board.slug}{condition}"
