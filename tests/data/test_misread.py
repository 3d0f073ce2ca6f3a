"""Chinese that was read in another encoding is found, undone where nothing is lost, and sound texts are left alone."""

from __future__ import annotations

import pytest

from llamita.data.misread import chinese_meant

TEXT = "这家酒店很干净，服务也好"


def test_the_mistake_is_undone() -> None:
    assert chinese_meant(TEXT.encode("gb18030").decode("latin-1")) == (TEXT, True)
    assert chinese_meant("浣犲ソ") == ("你好", True)


def test_what_is_lost_is_said() -> None:
    read = chinese_meant(TEXT.encode().decode("gb18030", "replace"))
    assert read is not None
    assert read[0].startswith("这家酒店")
    assert read[1] == (read[0] == TEXT)


@pytest.mark.parametrize("text", [TEXT, "plain", "ATENÇÃO, PROMOÇÕES", "naïve café", "浣熊很可爱", "你好", ""])
def test_sound_texts_are_left_alone(text: str) -> None:
    assert chinese_meant(text) is None
