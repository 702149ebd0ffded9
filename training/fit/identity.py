"""What tells one run from another besides its recipe: the data, who is in which part, the starting weights."""

import hashlib
import os
from pathlib import Path

from models.artifact import sha256
from training.datasets import Dataset, Split
from training.fit.recipe import ViewsRecipe


def facts_of(data: Dataset, parts: Split, recipe: ViewsRecipe) -> dict[str, str]:
    """SHA-256 of the data set's table, of the parts' patients with their labels, and of the weights file."""
    _, digest = base_weights(recipe.weights)
    members = hashlib.sha256()
    for index in (parts.train, parts.validation, parts.test):
        lines = (f"{data.patients[i]} {data.labels[i]}\n" for i in index)
        members.update("".join([*lines, "--\n"]).encode())
    return {"data_set": data.truth_sha256, "split": members.hexdigest(), "weights_file": digest or recipe.weights}


def base_weights(weights: str) -> tuple[str, str | None]:
    """What the base starts from and the SHA-256 of that file, without its folder."""
    if weights == "none":
        return "random", None
    path = Path(weights)
    if weights == "imagenet":
        keras_home = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")
        path = keras_home / "models" / "mobilenet_1_0_224_tf_no_top.h5"
    return f"ImageNet: {path.name}", sha256(path) if path.is_file() else None
