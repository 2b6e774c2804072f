"""What several exercises of the question share."""

from math import prod

import numpy as np


def _arange(*shape, first=1.0):
    return np.arange(first, first + prod(shape)).reshape(shape)
