"""Data sets: labelled patients with their crops, who is in which subset, and what is known of every file.

A data set folder holds ``manifest.json``, ``images/`` (screens as imported) and ``crops/`` (what a layout keeps).
"""

from training.datasets.crops import Progress
from training.datasets.dataset import MAPS, SUBSETS, Dataset, Split, split
from training.datasets.manifest import MANIFEST
from training.datasets.reading import read
from training.datasets.studies import TRUTH
from training.datasets.verifying import verified

__all__ = ["MANIFEST", "MAPS", "SUBSETS", "TRUTH", "Dataset", "Progress", "Split", "read", "split", "verified"]
