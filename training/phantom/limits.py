"""Normal limits of the perfusion maps, total perfusion deficit (TPD) and segment scores.

The tables were derived by ``reference.derive`` from 200 simulated normal patients of each sex. They describe this
simulator, nobody's patients.
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
    900 900 898 897 896 897 898 899 898 897 898 899
    913 910 904 900 901 903 905 908 908 908 910 913
    921 912 905 896 903 909 911 912 915 916 917 922
    928 910 892 885 903 910 915 920 921 924 927 929
    932 913 888 879 898 912 912 923 920 923 930 938
    931 912 884 878 898 910 907 918 918 919 929 940
    934 911 879 873 893 890 885 903 914 918 923 938
    884 860 826 817 801 738 697 745 821 852 875 886
    """,
    """
    36 35 36 37 39 41 39 38 38 39 39 37
    36 35 35 35 38 45 39 37 36 38 39 36
    36 35 40 41 39 41 38 36 34 33 33 35
    31 37 45 46 43 40 40 36 33 32 34 34
    34 39 49 57 49 40 37 36 35 37 34 32
    35 41 56 64 52 39 36 36 36 36 34 32
    32 39 55 60 49 44 40 39 40 39 34 32
    36 39 51 53 46 65 88 61 42 43 38 33
    """,
)
_MALE = (
    """
    885 887 888 889 888 885 881 880 879 878 878 881
    907 907 909 913 910 895 886 886 887 888 893 902
    916 917 920 920 917 910 902 897 895 899 905 915
    930 926 926 921 919 919 908 898 886 891 901 917
    927 931 928 922 927 912 905 894 877 882 898 921
    930 932 926 932 932 914 906 890 869 868 896 922
    930 925 928 939 928 908 891 871 863 860 893 923
    894 889 887 888 850 770 708 734 790 817 852 882
    """,
    """
    41 39 39 41 41 41 39 39 38 40 41 41
    37 37 35 36 38 39 36 36 37 39 40 39
    37 39 37 35 36 35 39 40 39 38 38 38
    35 35 36 34 37 37 42 40 45 46 42 40
    39 36 37 35 36 37 39 42 49 50 43 37
    39 35 39 35 34 39 38 45 55 59 49 37
    34 33 35 34 34 39 41 45 61 60 46 36
    36 36 37 38 42 66 82 70 61 60 48 37
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
