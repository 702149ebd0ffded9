"""The work itself, one module a stage, without Celery: each returns what is to be written when it is done."""
