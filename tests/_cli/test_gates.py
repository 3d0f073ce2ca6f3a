"""Gates: what may be named is what will be measured."""

from __future__ import annotations

from argparse import Namespace

import pytest

from llamita._cli.gates import check_gates
from llamita._cli.values import Gate
from llamita.core.errors import UserError


def asked(gate: str, *, against: str = "", task: str = "classify") -> Namespace:
    return Namespace(fail_if=[Gate(gate)], against=against, task=task)


@pytest.mark.parametrize(
    ("gate", "against", "task"),
    [
        ("accuracy<0.9", "", ""), ("quality.macro_f1<0.9", "", "classify"), ("size_bytes>1", "", ""),
        ("micro_f1<0.9", "", ""), ("micro_f1<0.9", "", "multilabel"), ("loss_to_reference>1", "teacher", "classify"),
    ],
)  # fmt: skip
def test_what_will_be_measured_may_be_named(gate: str, against: str, task: str) -> None:
    check_gates(asked(gate, against=against), ["quality"], "evaluate", task)


@pytest.mark.parametrize(
    ("gate", "task", "message"),
    [
        ("micro_f1<0.9", "classify", "Did you mean 'macro_f1'?"), ("quality.foo<1", "", "no value 'quality.foo'"),
        ("loss_to_reference>1", "", "It needs --against TEACHER."), ("latency_p95_ms>5", "", "It needs --cost."),
    ],
)  # fmt: skip
def test_what_will_not_be_is_refused_with_what_would_help(gate: str, task: str, message: str) -> None:
    with pytest.raises(UserError) as told:
        check_gates(asked(gate), ["quality"], "evaluate", task)
    assert message in str(told.value)
