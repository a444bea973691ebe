"""Result records, lists of runs, and the paths of all files below `results/`."""
