"""The ATOM task (Wang et al., arXiv 2406.04105): a small section, a volume, and the block it was cut from."""

from atombench.tasks.atom.sections import CutSections, cut_sections

__all__ = ["CutSections", "cut_sections"]
