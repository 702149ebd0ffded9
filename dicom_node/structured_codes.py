"""The codes of structured reports (PS3.16): what is measured, found and reported, and on what."""

from highdicom.sr import CodedConcept

from core.types import Label

REPORT_TITLE = CodedConcept("126000", "DCM", "Imaging Measurement Report")
MYOCARDIAL_PERFUSION_STUDY = CodedConcept("252432008", "SCT", "Radionuclide myocardial perfusion study")
PROCEDURE_REPORTED = CodedConcept("121058", "DCM", "Procedure reported")
IMAGING_MEASUREMENTS = CodedConcept("126010", "DCM", "Imaging Measurements")
QUALITATIVE_EVALUATIONS = CodedConcept("C0034375", "UMLS", "Qualitative Evaluations")
COMMENT = CodedConcept("121106", "DCM", "Comment")
PROBABILITY = CodedConcept("122157", "DCM", "Probability")
NO_UNITS = CodedConcept("1", "UCUM", "no units")
MYOCARDIUM = CodedConcept("49848007", "SCT", "Left Ventricle Myocardium")
ARTIFICIAL_INTELLIGENCE = CodedConcept("123110", "DCM", "Artificial Intelligence")
DEVICE = CodedConcept("121007", "DCM", "Device")
TITLE_MODIFIER = CodedConcept("113011", "DCM", "Document Title Modifier")
OTHER_FAILURE = CodedConcept("111220", "DCM", "Other failure")
REJECTED_FOR_QUALITY = CodedConcept("113001", "DCM", "Rejected for Quality Reasons")

FINDINGS = {
    Label.NORMAL: CodedConcept("301121007", "SCT", "Myocardial perfusion normal"),
    Label.ISCHEMIA: CodedConcept("414795007", "SCT", "Myocardial ischemia"),
    Label.INFARCTION: CodedConcept("22298006", "SCT", "Myocardial infarction"),
}
"""What an accepted label is called."""

EQUIVOCAL = CodedConcept("42425007", "SCT", "Equivocal")
"""The finding of a study that needs review."""
