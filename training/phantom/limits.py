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
    896 895 895 895 896 896 896 896 896 896 896 896
    911 905 902 902 903 905 905 906 909 911 912 912
    925 917 905 902 907 915 917 918 921 925 927 927
    930 921 900 896 909 918 921 923 922 929 933 935
    936 920 895 890 906 917 922 927 923 926 934 941
    941 918 892 889 908 919 922 928 924 923 936 946
    938 916 887 885 905 905 902 913 921 919 931 944
    895 876 844 832 820 760 718 766 837 866 887 897
    """,
    """
    40 41 41 40 40 40 40 40 39 39 40 40
    38 38 37 38 37 36 36 36 36 36 37 38
    33 35 35 36 34 35 36 33 33 33 33 33
    33 34 38 40 35 36 35 33 34 32 31 32
    32 35 42 43 37 37 35 35 34 33 31 32
    32 36 44 45 37 35 36 34 35 34 32 30
    34 36 44 47 38 36 38 34 35 33 33 33
    34 34 41 43 41 69 92 69 42 36 35 36
    """,
)
_MALE = (
    """
    880 881 882 882 882 881 880 879 878 878 878 879
    904 905 905 907 906 899 897 895 894 893 896 901
    930 928 926 926 923 915 910 904 899 902 913 925
    937 935 931 930 928 923 914 900 890 897 916 931
    941 936 934 934 933 925 914 898 878 887 911 933
    941 941 937 936 941 924 909 892 873 879 911 934
    940 941 937 941 940 915 893 879 870 875 911 934
    906 903 900 896 863 771 710 741 799 833 872 900
    """,
    """
    42 43 42 40 40 41 41 41 42 42 42 42
    36 36 37 35 34 35 36 35 36 37 36 36
    33 34 33 34 32 35 34 33 36 35 33 33
    31 31 30 32 32 34 34 36 39 36 32 31
    30 31 32 32 32 34 35 38 44 40 32 30
    31 30 31 33 32 34 36 40 49 44 35 33
    31 30 31 32 31 34 37 41 50 46 35 32
    32 31 32 33 38 67 88 65 50 45 36 31
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
