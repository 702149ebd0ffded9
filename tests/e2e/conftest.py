"""One running Perfuscope for the tests of this folder."""

from collections.abc import Iterator

import pytest
from harness import Installation, Pacs


@pytest.fixture(scope="session")
def pacs() -> Iterator[Pacs]:
    pacs = Pacs().start()
    yield pacs
    pacs.stop()


@pytest.fixture(scope="session")
def perfuscope(pacs: Pacs, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    home = tmp_path_factory.mktemp("e2e") / "home"
    installation = Installation(home, pacs, {"quiet_period_s": 2, "min_free_disk_mb": 1})
    installation.start()
    installation.run("user", "add", "lara", "--role", "admin", "--generate")
    yield installation
    installation.end_at_once()
