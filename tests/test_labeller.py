"""The model that labels: its pace is measured once, each text is asked about once, and hand labels calibrate what it said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.tasks.servers import Fake, served
from tests.tasks.test_likelihood import causal

from llamita.core.errors import UserError
from llamita.core.store import Store
from llamita.core.task import Split
from llamita.labeller import answers, calibrated, pace_of, seconds_a_text
from llamita.tasks.asked import Asking
from llamita.tasks.calibrating import FOR_A_VECTOR
from llamita.tasks.recorded import open_folder
from llamita.workshop import Workshop

TEXTS = [f"a warm film, {i}" for i in range(12)]


def test_a_pace_is_taken_once_for_a_question(tmp_path: Path) -> None:
    causal("llama").save(tmp_path / "model")
    shop = Workshop(store=Store(folder=tmp_path / "stages"), task=None, threads=1)
    asking = Asking(model=str(tmp_path / "model"), labels=("bad", "good"))
    first = seconds_a_text(asking, TEXTS, shop)
    assert first > 0
    assert seconds_a_text(asking, TEXTS, shop) == first
    assert seconds_a_text(Asking(model=asking.model, labels=("bad", "fine")), TEXTS, shop) != first


def test_what_a_text_costs_is_told_with_its_number(tmp_path: Path) -> None:
    causal("llama").save(tmp_path)
    found = pace_of(Asking(model=str(tmp_path), labels=("bad", "good")).open(tmp_path, 1), TEXTS, 1)
    assert {"cost.latency_p50_ms", "cost.throughput"} <= {finding["name"] for finding in found}
    assert all(finding["n"] for finding in found if "latency" in finding["name"])


def test_labelling_that_is_stopped_goes_on_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("llamita.labeller.CHUNK", 2)
    monkeypatch.setattr("llamita.tasks._requests.TRIES", 1)
    shop = Workshop(store=Store(folder=tmp_path / "stages"), task=None, threads=1)
    with served(Fake(trouble=lambda number: (500, {}, b"") if number > 5 else None)) as fake:
        asking = Asking(model=f"{fake.url}#large-one", labels=("bad", "good"))
        with pytest.raises(UserError, match="what was answered is kept: the same command goes on"):
            answers(asking, TEXTS, shop)
        first, number = set(fake.texts[:5]), len(fake.texts)
        fake.trouble = lambda _: None
        stage = answers(asking, [*TEXTS, *TEXTS], shop)
        assert first.isdisjoint(fake.texts[number:])
        assert len(set(fake.texts)) == len(TEXTS) + 1  # and a neutral one, to find out how
        assert answers(asking, TEXTS, shop).folder == stage.folder
    assert open_folder(stage.folder).scores(TEXTS).shape == (12, 2)
    assert not list(stage.folder.glob("*.npy"))


def test_other_versions_answer_anew_and_another_machine_has_a_pace_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = Workshop(store=Store(folder=tmp_path / "stages"), task=None, threads=1)
    with served(Fake()) as fake:
        asking = Asking(model=f"{fake.url}#large-one", labels=("bad", "good"))

        def made() -> tuple[str, int]:
            seconds_a_text(asking, TEXTS, shop)
            return answers(asking, TEXTS, shop).key, len(list(shop.store.folder.glob("*-pace")))

        key, paces = made()
        assert (made(), paces) == ((key, 1), 1)
        monkeypatch.setattr("llamita.labeller.cpu_name", lambda: "another")
        assert made() == (key, 2)
        number = len(set(fake.texts))
        monkeypatch.setattr("llamita.workshop.version_of", lambda package: "9.9")
        renewed, paces = made()
        assert (renewed != key, paces) == (True, 3)
        assert len(set(fake.texts)) == number  # what a server said is kept apart, and paid for once


@pytest.mark.parametrize("rarest", [FOR_A_VECTOR - 1, FOR_A_VECTOR])
def test_few_hand_labels_of_any_label_fit_a_temperature_and_many_a_scale_and_a_shift_for_each(
    rarest: int, tmp_path: Path
) -> None:
    shop = Workshop(store=Store(folder=tmp_path / "stages"), task=None, threads=1)
    texts = tuple(f"film {i}" for i in range(4 * FOR_A_VECTOR))
    with served(
        Fake(answer=lambda text: {"B": 0.9, "A": 0.1} if text[-1] in "02468" else {"A": 0.9, "B": 0.1})
    ) as fake:
        plain = answers(Asking(model=f"{fake.url}#large-one", labels=("bad", "good")), texts, shop)
    hand = Split(texts=texts, labels=tuple(int(i >= rarest) for i in range(len(texts))))
    found = open_folder(calibrated(plain, hand, ("bad", "good"), shop).folder)
    assert (np.ptp(found.scale) == 0 and not found.shift.any()) == (rarest < FOR_A_VECTOR)
    assert found.scale.max() < 1
