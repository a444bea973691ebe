"""Files of the checkout that commands read by default."""

from pathlib import Path

DATASETS = Path("config/datasets.yaml")
METHOD_OPTIONS = Path("config/methods.yaml")
