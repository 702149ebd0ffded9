"""A simulated left ventricle, the workstation screens drawn from it, and the DICOM study they make."""
