"""Normal limits of the perfusion maps, total perfusion deficit (TPD) and segment scores.

The tables were derived by ``reference.derive`` from 200 simulated low-risk patients of each sex, none of them in any
cohort. They describe this simulator, nobody's patients.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from training.phantom.polar import ANGLES, AREA, P, PolarMap, segment_means

Floats = NDArray[np.float64]

_DEVIATIONS = 3.0
_FLOOR = 0.45
"""What counts as no perfusion at all, as a share of the normal mean."""
TABLE_RINGS, TABLE_ANGLES = 8, 12
_STEPS = (0.5, 1.25, 2.0, 3.0)

_FEMALE = (
    """
    895 893 891 890 890 890 891 892 893 893 894 895
    910 904 898 895 896 899 901 903 906 909 911 912
    920 910 899 895 900 906 911 912 917 921 923 925
    927 910 887 881 898 910 916 920 919 925 930 929
    931 907 877 872 896 908 916 926 921 924 929 935
    931 903 872 867 895 909 912 924 923 920 928 939
    930 902 869 864 889 892 889 905 918 917 924 937
    878 852 821 809 799 747 712 758 827 857 874 883
    """,
    """
    40 40 40 41 42 42 41 41 41 41 41 40
    38 39 38 37 37 39 39 38 36 36 38 37
    37 38 40 41 38 38 38 37 34 33 34 35
    34 39 45 48 45 40 38 36 34 35 33 34
    36 42 52 57 50 41 37 35 37 37 33 33
    36 45 57 62 51 39 37 37 38 36 33 33
    36 43 57 60 48 42 40 41 41 38 34 35
    39 46 54 57 51 69 89 67 45 41 38 37
    """,
)
_MALE = (
    """
    888 889 889 890 889 887 885 884 884 885 886 887
    905 907 909 910 907 897 891 889 890 893 898 902
    919 919 921 921 917 911 903 895 891 898 905 914
    929 928 927 925 920 917 906 893 884 891 905 921
    932 931 928 928 929 915 904 891 875 879 902 924
    933 933 927 931 934 918 900 885 866 869 897 922
    934 934 929 936 929 903 879 869 861 863 894 923
    894 892 883 883 844 754 690 720 782 814 851 882
    """,
    """
    42 41 41 42 42 42 41 40 40 41 41 42
    38 38 37 37 39 39 39 37 37 38 39 39
    36 36 35 35 36 35 38 41 41 37 36 37
    35 35 33 34 37 36 40 43 47 44 39 37
    35 34 36 35 35 35 40 46 54 52 42 35
    35 34 37 35 35 36 41 50 61 60 46 37
    34 34 35 34 34 39 43 51 64 61 46 36
    36 36 38 38 42 68 88 72 63 60 47 39
    """,
)
"""Means and mean absolute deviations in thousandths: a line a ring, apex first; a column 30 degrees, lateral first."""


def _expand(table: Floats) -> PolarMap:
    """A condensed map back on the full grid, bilinear and seamless around the axis."""
    ring = (P * TABLE_RINGS - 0.5)[:, None]
    angle = ((np.arange(ANGLES) + 0.5) * TABLE_ANGLES / ANGLES - 0.5)[None, :]
    where = np.broadcast_arrays(np.clip(ring, 0, TABLE_RINGS - 1), angle)
    return map_coordinates(table, where, order=1, mode="grid-wrap")


@lru_cache(maxsize=2)
def normal(*, female: bool) -> tuple[PolarMap, PolarMap]:
    """Mean of the normal maps and the lower limit of normal: mean minus three mean absolute deviations."""
    mean, deviation = (
        _expand(np.array(text.split(), dtype=np.float64).reshape(TABLE_RINGS, TABLE_ANGLES) / 1000)
        for text in (_FEMALE if female else _MALE)
    )
    return mean, mean - _DEVIATIONS * deviation


def severity(values: PolarMap, *, female: bool) -> PolarMap:
    """0 at the normal limit or above, 4 without perfusion (after Slomka et al., J Nucl Cardiol 2005;12:66-77)."""
    mean, limit = normal(female=female)
    return np.clip(4 * (limit - values) / (limit - _FLOOR * mean), 0, 4)


def total_perfusion_deficit(values: PolarMap, *, female: bool) -> float:
    """TPD in percent: the mean severity over the map, 100 when nothing is perfused."""
    return 100 * float((severity(values, female=female) * AREA).sum()) / 4


def extent_percent(values: PolarMap, *, female: bool) -> float:
    """Share of the map below the limit of normal."""
    _, limit = normal(female=female)
    return 100 * float(AREA[values < limit].sum())


def segment_scores(values: PolarMap, *, female: bool) -> NDArray[np.intp]:
    """Scores of the 17 segments, 0 (normal) to 4 (absent), shape (17,)."""
    return np.digitize(segment_means(severity(values, female=female)), _STEPS)
