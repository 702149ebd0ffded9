"""One Perfuscope between Orthanc, an archive that keeps bytes, and senders of every kind."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from harness import Installation, Pacs
from peers import ARCHIVE_AE, ORTHANC_AE, Archive, Orthanc, introduce
from sqlalchemy import create_engine, text


@dataclass(frozen=True)
class Hospital:
    """The running parts; a report goes back to the peer whose AE title sent the study."""

    perfuscope: Installation
    pacs: Pacs
    orthanc: Orthanc
    archive: Archive

    def patient_name(self, study_uid: str) -> str:
        """A patient's name as the tables hold it."""
        return self._column("select patient_name from studies where study_instance_uid = :uid", study_uid).pop()

    def syntaxes(self, study_uid: str) -> set[str]:
        """Transfer syntaxes that a study's screens came in."""
        query = (
            "select i.transfer_syntax_uid from instances i join studies s on s.id = i.study_id"
            " where s.study_instance_uid = :uid and i.candidate"
        )
        return self._column(query, study_uid)

    def _column(self, query: str, study_uid: str) -> set[str]:
        engine = create_engine(f"sqlite:///{self.perfuscope.home}/perfuscope.db")
        with engine.connect() as connection:
            found = set(connection.scalars(text(query), {"uid": study_uid}))
        engine.dispose()
        return found


@pytest.fixture(scope="session")
def hospital(pacs: Pacs, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hospital]:
    folder = tmp_path_factory.mktemp("hospital")
    perfuscope = Installation(folder / "home", pacs, {"quiet_period_s": 5, "min_free_disk_mb": 1})
    orthanc = Orthanc(folder / "orthanc")
    archive = Archive(folder / "archive").start()
    introduce(perfuscope, name="orthanc", ae_title=ORTHANC_AE, port=orthanc.port, commitment=True)
    introduce(perfuscope, name="archive", ae_title=ARCHIVE_AE, port=archive.port)
    try:
        perfuscope.start()
        orthanc.start(node_port=perfuscope.port)
        yield Hospital(perfuscope, pacs, orthanc, archive)
    finally:
        for part in (perfuscope, archive, orthanc):
            part.stop()
