"""The DICOM side: what is received, decoded, recognised, cropped, reported and sent."""
