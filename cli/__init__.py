"""The ``perfuscope`` command."""
