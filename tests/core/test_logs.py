"""log.txt tells what happened when, and takes nothing from who else listens."""

import logging
import re

from llamita.core.logs import logged

LINE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d .+")


def test_a_warning_is_shown_once_while_it_is_written_down(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    shown: list[str] = []
    teller = logging.Handler()
    teller.emit = lambda record: shown.append(record.getMessage())  # type: ignore[method-assign]
    ours = logging.getLogger("llamita")
    ours.addHandler(teller)
    try:
        with logged(tmp_path):
            logging.getLogger("llamita.plan").warning("told once")
    finally:
        ours.removeHandler(teller)
    assert shown == ["told once"]
    assert capsys.readouterr().err == ""


def test_what_is_logged_is_added_to_the_folders_file_and_only_meanwhile(tmp_path):
    ours = logging.getLogger("llamita")
    before = ours.level
    for name in ("first", "second"):
        with logged(tmp_path):
            logging.getLogger("llamita.some.module").info("the %s", name)
            logging.getLogger("llamita.some.module").debug("not for users")
        ours.warning("outside")
    lines = (tmp_path / "log.txt").read_text(encoding="utf-8").splitlines()
    assert [line[20:] for line in lines] == ["the first", "the second"]
    assert all(LINE.fullmatch(line) for line in lines)
    assert ours.level == before
    assert not any(isinstance(handler, logging.FileHandler) for handler in ours.handlers)


def test_a_log_that_cannot_be_written_stops_nothing(tmp_path, capsys):
    with logged(tmp_path / "missing"):
        logging.getLogger("llamita").info("lost")
    assert capsys.readouterr().err == ""


def test_what_others_see_of_the_log_stays_as_it_was(tmp_path, caplog):
    ours = logging.getLogger("llamita.some.module")
    with caplog.at_level("WARNING"), logged(tmp_path):
        ours.info("quiet")
        ours.warning("loud")
    assert [record.getMessage() for record in caplog.records] == ["loud"]
    assert len((tmp_path / "log.txt").read_text().splitlines()) == 2


def test_a_redacted_log_holds_no_text_that_is_quoted(tmp_path, caplog):
    with caplog.at_level("WARNING"), logged(tmp_path, redact=True):
        quotes = {"quotes": ("it's secret", "echo: secret")}
        logging.getLogger("llamita.some").warning("%r is refused (%s)", "it's secret", "echo: secret", extra=quotes)
    assert (tmp_path / "log.txt").read_text(encoding="utf-8").endswith(" … is refused (…)\n")
    assert [record.getMessage() for record in caplog.records] == ['"it\'s secret" is refused (echo: secret)']


def test_a_name_that_is_no_utf8_is_logged_all_the_same(tmp_path, monkeypatch):
    # pytest's own handler would keep it for its report, and can't send it between processes
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    with logged(tmp_path):
        logging.getLogger("llamita").warning("read: %s", "caf\udce9.csv")
    assert (tmp_path / "log.txt").read_text(encoding="utf-8").endswith("read: caf\\udce9.csv\n")
