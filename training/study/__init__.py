"""The recipe ``study``: one decision a patient, pretrained on simulated patients, then fitted to a hospital's own."""
