import json
from pathlib import Path
from zlib import crc32

from plainres.tracking.journal import Journal


def reopened(path: Path, generation: str = "") -> Journal:
    journal = Journal(path, generation)
    journal.close()
    return journal


def test_a_journal_keeps_the_fresh_sweep_that_it_was_begun_for(tmp_path: Path) -> None:
    begun = reopened(tmp_path / "journal", "first")
    again = reopened(tmp_path / "journal", "second")
    assert (again.generation, again.attempt) == ("first", begun.attempt)
    assert reopened(tmp_path / "other").generation == ""


def test_a_journal_of_before_fresh_sweeps_had_identities_is_read(tmp_path: Path) -> None:
    text = json.dumps({"attempt": "0123", "started": 1_700_000_000_000}).encode()
    (tmp_path / "journal").write_bytes(b"%08x %s\n" % (crc32(text), text))
    journal = reopened(tmp_path / "journal", "fresh")
    assert (journal.attempt, journal.generation) == ("0123", "")
