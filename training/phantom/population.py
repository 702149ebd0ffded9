"""Who is simulated and how well they are imaged: every knob of the simulator, and three settings of them.

``DEFAULT`` is calibrated (docs/simulation.md): a threshold on the stress TPD tells normal from abnormal with an AUC of
0.85 to 0.90. ``ELSEWHERE`` is another hospital, with other patients, camera and habits. ``CLEAR`` is what textbooks
show: clear-cut disease, good images and readers who agree; for tests and demonstrations, not for figures.

A pair of numbers is the ends of a uniform range unless its name says mean and SD; a share is a probability of 0 to 1.
"""

from dataclasses import dataclass, field, replace

from core.errors import PerfuscopeError

Range = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Disease:
    """How ill the ill are; depths are shares of the activity lost at stress, ``left`` the share of it lost at rest."""

    mild_share: float = 0.14
    mild_depth: Range = (0.22, 0.36)
    depth: Range = (0.38, 0.72)
    partial_share: float = 0.40
    """Of ischemic patients whose defect recovers only partly at rest."""
    partial_left: Range = (0.20, 0.60)
    left: Range = (0.0, 0.15)
    small_share: float = 0.10
    small_half: Range = (0.16, 0.24)
    half: Range = (0.24, 0.50)
    """Half axes of a defect on the polar plane, whose disc has the radius 1."""
    second_share: float = 0.16
    """Of patients with a second territory."""
    balanced_share: float = 0.05
    """Of ischemic patients with much the same loss in all three territories: relative maps hide it."""
    balanced_depth: Range = (0.22, 0.45)
    transmural: Range = (0.75, 1.1)
    stunned: Range = (0.0, 0.5)
    """Share of motion and thickening that ischemia takes at stress."""
    shallow_share: float = 0.22
    """Of infarctions that do not go through the wall."""
    shallow_depth: Range = (0.26, 0.44)
    shallow_transmural: Range = (0.6, 0.85)
    infarct_depth: Range = (0.40, 0.85)
    infarct_transmural: Range = (0.85, 1.2)
    infarct_left: Range = (0.72, 1.0)
    infarct_stunned: Range = (0.4, 1.1)


@dataclass(frozen=True, slots=True)
class Body:
    """Hearts, and what stands before them; attenuation is the share of counts lost, women's and men's apart.

    The screens are those of attenuation-corrected images, so the loss is what correction leaves.
    """

    radius_mean_sd_mm: Range = (28.5, 2.6)
    length_mean_sd_mm: Range = (53.0, 4.5)
    small_share: float = 0.12
    small_factor: Range = (0.74, 0.88)
    weak_share: float = 0.10
    """Of ventricles that contract poorly without any perfusion defect."""
    breast: tuple[Range, Range] = ((0.0, 0.26), (0.0, 0.05))
    diaphragm: tuple[Range, Range] = ((0.0, 0.12), (0.0, 0.26))
    shift: Range = (0.4, 1.6)
    """Factor on each attenuation, drawn anew for stress and for rest."""
    turn_sd_degrees: float = 14.0
    """How far each shadow wanders around the wall, drawn anew for stress and for rest."""
    misregistered_share: float = 0.10
    """Of acquisitions whose transmission image does not fit, which takes counts of the anterolateral wall."""
    misregistered: Range = (0.08, 0.22)


@dataclass(frozen=True, slots=True)
class Camera:
    """How the images are taken; activities are in units of the normal wall's, counts a voxel of it at its brightest."""

    voxel_mm: tuple[float, ...] = (6.4, 6.51, 6.8)
    resolution_mean_sd_mm: Range = (10.0, 0.9)
    filter_mm: Range = (6.5, 9.0)
    background: Range = (0.05, 0.12)
    right_ventricle: Range = (0.1, 0.3)
    counts_stress: Range = (70.0, 220.0)
    counts_rest: Range = (50.0, 160.0)
    low_share: float = 0.15
    """Of acquisitions with few counts."""
    low_factor: Range = (0.35, 0.6)
    motion_share: float = 0.18
    """Of acquisitions during which the patient moves along the body's axis and stays there."""
    motion_mm: Range = (5.0, 16.0)
    gut_share: tuple[float, float] = (0.15, 0.22)
    """Of stress and of rest acquisitions with a hot loop of gut against the inferior wall."""
    gut: Range = (0.05, 0.5)
    hot_gut: Range = (1.0, 2.0)
    hot_gut_mm: Range = (-64.0, -48.0)
    """The hot loop's height below the heart's axis; the wall's outside lies at about -34."""
    liver: Range = (0.1, 0.7)


@dataclass(frozen=True, slots=True)
class Readers:
    """How often the label on record, a reader's, differs from what was simulated.

    ``missed``: of patients on record as normal who have (mild) disease; ``imagined``: of those on record as ill who
    have none; ``confused``: of those on record as ill who have the other kind of defect (partly reversible or shallow).
    """

    missed: float = 0.06
    imagined: float = 0.05
    confused: float = 0.05


@dataclass(frozen=True, slots=True)
class Population:
    """Every knob of the simulator."""

    name: str
    mark: str
    """Stands in the patients' identifiers, so that no two populations share one; empty for the default."""
    disease: Disease = field(default_factory=Disease)
    body: Body = field(default_factory=Body)
    camera: Camera = field(default_factory=Camera)
    readers: Readers = field(default_factory=Readers)
    layouts: tuple[str, ...] = ("qps-qgs-1280",)
    """The pages, and with them the colour scales, that screens are drawn in unless one is asked for."""

    @property
    def stream(self) -> tuple[int, ...]:
        """Joins the seeds of random numbers, so that patient k of two populations has nothing in common."""
        return tuple(self.mark.encode("ascii"))


DEFAULT = Population(name="default", mark="")

ELSEWHERE = Population(
    name="elsewhere",
    mark="E",
    disease=Disease(mild_share=0.3, depth=(0.28, 0.75), partial_share=0.3, small_share=0.2, half=(0.2, 0.52)),
    body=Body(
        radius_mean_sd_mm=(27.0, 3.0),
        length_mean_sd_mm=(51.0, 5.0),
        small_share=0.2,
        breast=((0.0, 0.18), (0.0, 0.08)),
        diaphragm=((0.0, 0.18), (0.0, 0.2)),
        turn_sd_degrees=9.0,
        misregistered_share=0.05,
    ),
    camera=Camera(
        voxel_mm=(5.9, 6.2),
        resolution_mean_sd_mm=(11.5, 1.0),
        filter_mm=(7.5, 11.0),
        background=(0.06, 0.16),
        counts_stress=(60.0, 300.0),
        counts_rest=(60.0, 240.0),
        motion_share=0.12,
        gut_share=(0.25, 0.3),
        hot_gut=(0.8, 1.8),
        liver=(0.2, 1.0),
    ),
    readers=Readers(missed=0.03, imagined=0.03, confused=0.03),
    layouts=("qps-qgs-1280-hot",),
)

CLEAR = Population(
    name="clear",
    mark="C",
    disease=replace(
        Disease(),
        mild_share=0.0,
        depth=(0.45, 0.7),
        partial_share=0.0,
        small_share=0.0,
        half=(0.32, 0.5),
        balanced_share=0.0,
        shallow_share=0.0,
        infarct_depth=(0.6, 0.9),
        infarct_left=(0.9, 1.0),
        infarct_stunned=(0.7, 1.1),
    ),
    body=replace(
        Body(),
        small_share=0.0,
        weak_share=0.0,
        breast=((0.0, 0.14), (0.0, 0.04)),
        diaphragm=((0.0, 0.08), (0.0, 0.14)),
        shift=(0.8, 1.2),
        turn_sd_degrees=3.0,
        misregistered_share=0.0,
    ),
    camera=replace(
        Camera(),
        resolution_mean_sd_mm=(9.5, 0.8),
        counts_stress=(120.0, 240.0),
        counts_rest=(90.0, 180.0),
        low_share=0.0,
        motion_share=0.0,
        gut_share=(0.0, 0.0),
        gut=(0.05, 0.4),
        liver=(0.0, 0.3),
    ),
    readers=Readers(0.0, 0.0, 0.0),
)

POPULATIONS = {population.name: population for population in (DEFAULT, ELSEWHERE, CLEAR)}


def named(name: str) -> Population:
    """The population of that name; PerfuscopeError names those there are."""
    if name not in POPULATIONS:
        raise PerfuscopeError(f"there is no simulated population {name!r}; there are {', '.join(POPULATIONS)}.")
    return POPULATIONS[name]
