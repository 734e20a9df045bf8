import json
from pathlib import Path
from zlib import crc32

import pytest

from plainres.tracking.journal import Journal


def reopened(path: Path, generation: str = "") -> Journal:
    journal = Journal(path, generation).open()
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


def written(path: Path, *, sent: int) -> Journal:
    """A journal of steps 0 to 5, of which the store has so many."""
    journal = Journal(path).open()
    journal.note_run("0123")
    for step in range(6):
        journal.add(step, {"loss/train": 1 / (step + 1)}, diverged=False, last=step == 5)
        if step < sent:
            journal.note_sent(step + 1)
    journal.close()
    return journal


def with_bit_flipped(path: Path, line: int) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    lines[line] = lines[line][:12] + bytes([lines[line][12] ^ 1]) + lines[line][13:]
    path.write_bytes(b"".join(lines))


@pytest.mark.parametrize("line", range(14))
def test_a_damaged_line_costs_nothing_that_the_store_has(tmp_path: Path, line: int) -> None:
    before = written(tmp_path / "journal", sent=6)
    with_bit_flipped(tmp_path / "journal", line)
    journal = reopened(tmp_path / "journal")
    assert (journal.attempt == before.attempt) == (line != 0)
    assert journal.run_id == (None if line == 1 else "0123")
    steps = [entry.step for entry in journal.entries]
    assert len(steps) >= 5
    if line < 12:
        assert (journal.last_step, journal.complete) == (5, True)
    assert [entry.step for entry in journal.unsent] == ([5] if line == 13 else [])


def test_a_damaged_line_of_what_the_store_lacks_ends_what_is_known(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    written(path, sent=2)
    with_bit_flipped(path, 2 + 2 * 2 + 1)  # attempt, run, steps 0 and 1 with what was sent of them, step 2; step 3
    journal = Journal(path).open()
    assert [entry.step for entry in journal.entries] == [0, 1, 2]
    assert [entry.step for entry in journal.unsent] == [2]
    journal.add(3, {"loss/train": 0.5}, diverged=False, last=False)  # trained again
    journal.close()
    again = reopened(path)
    assert [(entry.step, entry.last) for entry in again.entries] == [(0, False), (1, False), (2, False), (3, False)]
