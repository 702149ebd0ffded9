"""Words that stand in descriptions of nuclear cardiology and of DICOM, and that identify nobody."""

import re
from functools import cache

from pydicom.datadict import keyword_dict

_TRADE = """
    abnormal adenosine agent amplitude analysis angle anterior apex apical attenuation axial axis backprojection basal
    bicycle body bolus brain breast bullseye butterworth camera cardiac cardio cardiolite cardiology chest circular
    clinical clockwise clockwise collimator compton contrast coronal coronary corrected correction counts decay defect
    delayed department derived detector diaphragm diastolic difference dipyridamole dobutamine dual dynamic early
    ejection elliptical emission energy exam exercise filter filtered first fixed fluorine foot fraction frame gallium
    gamma gated general haemoglobin hawkeye head heart high horizontal hospital image imaging infarct inferior initial
    injection institute iodine ischemia isotope iteration iterative lateral left legs level lexiscan limits localizer
    long lower lung maps matrix medical medicine medium mibi midventricular minute minutes mode monitoring motion
    multi myocardial myocardium myoview negative none normal nuclear oblique observation original osem parallel
    partial patient perfusion peak pharmacologic phase photon pinhole planar polar positive positron post posterior
    primary processed processing projection projections prone protocol pulse quantitative radionuclide raster raw
    recon reconstructed reconstruction recumbent redistribution regadenoson report research resolution rest
    resting result results reversible right roentgen rotation routine rubidium sagittal scan scanner scatter score
    lehr lehs leap legp lpho megp meap hegp heap uhegp fanbeam astigmatic
    screen screening secondary septal series sestamibi severe short simulated simulation single slice slices software
    spect spleen standard static step stomach stress study subset subsets summed supine surface systolic technetium
    technique tetrofosmin thallium thickening thorax time tissue tomo tomographic tomography tracer transaxial
    transmission transverse treadmill university unknown upper uptake uterus vasodilator vector ventricle ventricular
    vertical view viability views volume wall whole window with without year years
"""


@cache
def vocabulary() -> frozenset[str]:
    """The trade's own words, and those that the names of DICOM's attributes are made of; lower case."""
    parts = re.findall(r"[A-Z]?[a-z]{3,}", " ".join(keyword_dict))
    return frozenset(_TRADE.split()) | frozenset(part.lower() for part in parts)
