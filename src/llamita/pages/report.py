"""The report as a self-contained HTML page, as Markdown, and as the summary a notebook shows."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path
from typing import Any

from markupsafe import Markup

from llamita.core.report import Report
from llamita.core.whole import write_whole
from llamita.pages import format as write
from llamita.pages._headline import headline
from llamita.pages._view import summary, view
from llamita.pages.strings import in_language, words_for

HERE = Path(__file__).parent


def write_pages(report: Report, folder: str | Path, *, redact: bool = False, language: str = "en") -> None:
    """Write report.html and report.md into a folder, which is made; with `redact`, without any of the users' texts.

    Raises:
        UserError: for a language the pages don't have.
    """
    folder = Path(folder)
    strings = words_for(report, language)
    report = in_language(report.redacted() if redact else report, language)
    shown = view(report, strings, folder, redacted=redact)
    shown |= {"t": strings, "language": language}
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / "report.html", html_of("report.html.j2", shown))
    write_whole(folder / "report.md", render_markdown("report.md.j2", shown))


def first_line(report: Report, language: str = "en") -> str:
    """The sentence a reader must see first: what the teacher bought and what the compression cost."""
    return headline(in_language(report, language), words_for(report, language))


def html_summary(report: Report, language: str = "en") -> str:
    """First line, goals and table as a fragment for notebooks."""
    strings = words_for(report, language)
    return html_of(
        "summary.html.j2", summary(in_language(report, language), strings) | {"t": strings, "language": language}
    )


def html_of(template: str, shown: dict[str, Any]) -> str:
    """Fill a page's template; style and script stand in the page itself."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    script = (HERE / "copy.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    own = {
        "style": Markup((HERE / "style.css").read_text(encoding="utf-8")),
        "script": Markup(script),
        "script_hash": f"sha256-{digest}",
    }
    environment = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template(template).render(shown | own)


def render_markdown(template: str, shown: dict[str, Any]) -> str:
    """Fill a Markdown template; every value is escaped, so that no text becomes markup."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(HERE), autoescape=False, finalize=write.markdown_text, undefined=StrictUndefined
    )
    text = environment.get_template(template).render(shown | {"code": fenced})
    return re.sub(r"\n{3,}", "\n\n", text)


def fenced(text: str) -> Markup:
    """A code block whose fence is longer than any run of backticks in it."""
    fence = "```"
    while fence in text:
        fence += "`"
    return Markup(f"{fence}\n{text}\n{fence}")
