"""A body gets the head its family predicts tokens with; one that has a head keeps it."""

from __future__ import annotations

import pytest
import torch
from tests.families import FAMILIES, tiny_model
from transformers import AutoTokenizer

from llamita.core.model import Model
from llamita.tasks._prompt import end_with_prompt
from llamita.train.frame import document_frame, ends_with_words
from llamita.train.language_head import has_language_head, objective_of, with_language_head


@pytest.mark.parametrize("family", FAMILIES)
def test_a_classifiers_body_goes_on_under_a_language_head_and_is_saved_so(family: str, tmp_path) -> None:
    model = tiny_model(family)
    body = {name: value.clone() for name, value in model.module.base_model.state_dict().items()}
    assert not has_language_head(model.module)
    model = with_language_head(model)
    assert has_language_head(model.module)
    for name, value in model.module.base_model.state_dict().items():
        torch.testing.assert_close(value, body[name])
    assert with_language_head(model) is model
    model.save(tmp_path)
    again = Model.load(tmp_path)
    assert type(again.module) is type(model.module)
    for name, value in again.module.state_dict().items():
        torch.testing.assert_close(value, model.module.state_dict()[name])


def test_a_decoder_that_was_a_classifier_ends_its_documents_with_their_end_and_no_longer_with_a_question(
    tmp_path,
) -> None:
    plain, model = tiny_model("llama").tokenizer, tiny_model("llama")
    end_with_prompt(model)
    asked = model.tokenizer
    assert document_frame(model) == document_frame(tiny_model("llama"))
    assert ends_with_words(asked)
    assert with_language_head(model, for_good=False).tokenizer is asked, "its head comes back, and wants the prompt"
    model = tiny_model("llama")
    end_with_prompt(model)
    with_language_head(model).save(tmp_path)
    again = AutoTokenizer.from_pretrained(tmp_path)
    for texts in (("a film",), ("a film", "another one")):
        assert again(*texts)["input_ids"] == plain(*texts)["input_ids"]


def test_each_kind_of_family_has_its_objective() -> None:
    found = {family: objective_of(tiny_model(family).module) for family in ("llama", "bert", "bart")}
    assert found == {"llama": "causal", "bert": "masked", "bart": "denoising"}
