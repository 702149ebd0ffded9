"""The picture that everything passes on; apart from ``core.types``, which processes load that hold no picture."""

import numpy as np
from numpy.typing import NDArray

RgbImage = NDArray[np.uint8]
"""An image of shape (rows, columns, 3), 8 bits a channel."""
