"""A plan is told before the start, and says so when it takes longer than asked."""

import pytest

from llamita.plan import tell


@pytest.mark.parametrize(("minutes", "said"), [(15, True), (45, False)])
def test_a_plan_much_longer_than_asked_says_so(minutes: float, said: bool, tmp_path, caplog):
    parts = [{"what": "teacher: fine-tuning", "minutes": 30.0}, {"what": "exports", "minutes": 20.0}]
    tell({"asked": {"minutes": minutes}, "estimate": parts, "memory_bytes": 1, "disk_bytes": 1}, tmp_path)
    assert ("longer than the 15 minutes asked for" in caplog.text) == said
    assert ("most of it goes to: teacher: fine-tuning" in caplog.text) == said


@pytest.mark.parametrize(("share", "said"), [(0.02, False), (0.87, True)])
def test_a_plan_that_reads_texts_in_part_says_so(share: float, said: bool, tmp_path, caplog):
    plan = {"estimate": [], "memory_bytes": 1, "disk_bytes": 1, "max_length": 96, "cut_share": share}
    tell(plan, tmp_path)
    assert ("the first 96 tokens are read, and 87 % of the texts are longer" in caplog.text) == said
