"""Files of the checkout that commands read by default."""

from pathlib import Path

DATASETS = Path("config/datasets.yaml")
PAPER_TABLES = Path("leaderboard/published/paper-tables.csv")
METHOD_OPTIONS = Path("config/methods.yaml")
SUBMISSIONS = Path("leaderboard/submissions")
