"""Training of the classifier, and the simulator that makes its data."""
