"""The layouts and view rules by which a data set's screens are known: those of the settings, as in service."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cli import options

if TYPE_CHECKING:
    from dicom_node.layouts import Layout
    from dicom_node.rules import ViewRule


@dataclass(frozen=True, slots=True)
class Known:
    """How screens are known."""

    layouts: "tuple[Layout, ...]"
    rules: "tuple[ViewRule, ...]"


def known(home: Path | None, config: Path | None) -> Known:
    """From the settings; of the home folder nothing else is read, and nothing is written."""
    from dicom_node import layouts, rules

    found = options.asked(home, config)
    return Known(layouts.load_all(found.layout_files), rules.in_force(found))
