"""``python -m cli`` is ``perfuscope``."""

from cli.main import main

main()
