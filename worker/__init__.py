"""Celery workers: the edge queue in the identified zone, the inference queue anywhere."""
