"""Both languages say everything."""

from __future__ import annotations

import re
import string

import pytest

from llamita.core.errors import UserError
from llamita.pages import strings


def test_every_string_stands_in_both_languages_with_the_same_placeholders() -> None:
    for key, said in strings.STRINGS.items():
        assert len(said) == 2, key
        assert all(said), key
        fields = [{name for _, name, _, _ in string.Formatter().parse(one) if name} for one in said]
        assert fields[0] == fields[1], key


def test_chinese_strings_are_chinese() -> None:
    latin_only = {"run_python", "run_transformers", "short_linear", "lineage_model", "col_f1", "col_n"}
    for key, text in strings.words("zh").items():
        assert key in latin_only or re.search(r"[\u4e00-\u9fff；。]", text), (key, text)


def test_an_unknown_language_is_refused_in_one_line() -> None:
    with pytest.raises(UserError, match="language must be one of en, zh, got 'fr'"):
        strings.words("fr")
