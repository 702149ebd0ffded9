"""The classifier: architecture, preprocessing, artifacts, inference by LiteRT, class activation maps."""
