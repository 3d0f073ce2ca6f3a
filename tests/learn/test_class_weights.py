from __future__ import annotations

import numpy as np
import pytest
from tests.train.tiny import several_task, tiny_task

from llamita.core.errors import UserError
from llamita.core.task import Split
from llamita.learn._class_weights import parse_weights, weights_of


def test_names_may_hold_what_stands_around_them() -> None:
    assert parse_weights("a=b=2, very rare =0.5") == {"a=b": 2.0, "very rare": 0.5}
    assert parse_weights("New York, NY=2,2,5=1e-1") == {"New York, NY": 2.0, "2,5": 0.1}
    assert parse_weights("好评＝3，差，评=1") == {"好评": 3.0, "差，评": 1.0}


BAD = ("", "rare", "rare=", "=3", "rare=x", "rare=-1", "rare=nan", "rare=inf", "a=1,a=2", "a=1,", "a=1,b")


@pytest.mark.parametrize("text", BAD)
def test_what_is_no_weight_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="class_weights must be none, balanced, or such as rare=3,common=1"):
        parse_weights(text)


def test_labels_that_are_not_named_count_1() -> None:
    task = tiny_task(8)
    weights = weights_of("positive=3", task, task.train)
    assert weights is not None
    assert weights.tolist() == [1.0, 3.0]
    assert weights_of("none", task, task.train) is None


def test_an_unknown_label_is_refused_with_the_nearest() -> None:
    task = tiny_task(8)
    with pytest.raises(UserError, match=r"class_weights names 'positve', which is none of the labels .* Did you mean"):
        weights_of("positve=3", task, task.train)


def test_balanced_is_by_texts_of_a_label_and_by_presence_where_a_text_has_any() -> None:
    split = Split(texts=("a", "b", "c", "d"), labels=(0, 0, 0, 1))
    np.testing.assert_allclose(weights_of("balanced", tiny_task(8), split), [2 / 3, 2])
    several = Split(texts=("a", "b", "c", "d"), label_sets=((0,), (), (), (1, 0)))
    np.testing.assert_allclose(weights_of("balanced", several_task(8), several), [1, 3])
