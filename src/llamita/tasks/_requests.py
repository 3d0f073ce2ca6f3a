"""Requests to an OpenAI-compatible server: the key from the environment, patience with what passes, one line for what doesn't."""

from __future__ import annotations

import http.client
import ipaddress
import json
import logging
import os
import re
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from llamita.core.errors import UserError, did_you_mean, first_line, require

log = logging.getLogger(__name__)

KEY_VARIABLE = "OPENAI_API_KEY"
TRIES, SILENCES = 7, 3
"""How often a request is made; a server that says nothing until the time is over isn't asked as often."""
PASSING = (408, 409, 425, 429, 500, 502, 503, 504, 529)
"""Statuses of a server that may answer in a moment."""
LONGEST_WAIT = 60.0
SECRET = 6
"""Letters of a key from which on it is one; servers at home take "x" or "none"."""


NAMES = {"max_tokens": "max_completion_tokens", "temperature": ""}
"""Settings that some models refuse, and what they are called there; nothing where such a model leaves no choice."""


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirect would carry the key to a place the user didn't name."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


class Refused(Exception):
    """The server understood and said no."""

    def __init__(self, status: int, said: str):
        super().__init__(said)
        self.status, self.said = status, said

    @property
    def ran_out(self) -> bool:
        """Whether thinking took all the tokens that an answer may have, as OpenAI's servers say."""
        return self.status == 400 and "output limit was reached" in self.said


class Unusable(UserError):
    """Most answers of a server say nothing that was asked for."""


@dataclass(frozen=True, kw_only=True)
class Server:
    """A base URL such as http://localhost:8000/v1."""

    url: str
    timeout: float = 120.0
    """Seconds for one answer."""
    sleep: Callable[[float], None] = field(default=time.sleep, compare=False)

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        require(
            parts.scheme in ("http", "https") and bool(parts.hostname),
            f"an endpoint looks like http://localhost:8000/v1#model-name, got {self.url!r}",
        )
        require(
            not parts.username and not parts.password and not parts.query,
            f"the endpoint's URL must hold no user, password or query; put the key into {KEY_VARIABLE}",
        )

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """The JSON object that comes back.

        Raises:
            Refused: a status that waiting doesn't help, other than a key that isn't accepted.
            UserError: no server, no access, or no answer after all tries.
        """
        return self._patiently(path, json.dumps(body).encode())

    def models(self) -> list[str]:
        """Names of the models it serves; empty where it doesn't tell."""
        try:
            found = self._patiently("/models", None).get("data")
            return [str(one["id"]) for one in found] if isinstance(found, list) else []
        except (Refused, KeyError, TypeError):
            return []

    def named(self, model: str) -> str:
        """The model of this name, or the only one where none is given."""
        served = self.models()
        if model and (not served or model in served):
            return model
        if not model and len(served) == 1:
            return served[0]
        said = f"no model {model!r} at {self.url}." if model else f"{self.url} serves several models; name one after #:"
        known = f" It has: {', '.join(served[:10])}." if served else f" Name one: {self.url}#model-name."
        raise UserError(f"{said}{did_you_mean(model, served)}{known}")

    def _patiently(self, path: str, body: bytes | None) -> dict[str, Any]:
        trouble, key, silences = "", _key(), 0
        for attempt in range(TRIES):
            try:
                return self._once(path, body, key)
            except urllib.error.HTTPError as error:
                trouble = f"{error.code} {_said_by(error, key)}".strip()
                if error.code not in PASSING:
                    self._refuse(error.code, trouble)
                wait = _asked_to_wait(error)
            except (OSError, http.client.HTTPException, ValueError) as error:
                trouble, wait, reason = _without_keys(_reason(error), key), None, getattr(error, "reason", error)
                if isinstance(reason, (ConnectionRefusedError, socket.gaierror)):
                    raise UserError(
                        f"can't reach {self.url}: {trouble}; is the server running, and the URL right?"
                    ) from None
                if isinstance(reason, TimeoutError):
                    silences += 1
                    if silences == SILENCES:
                        raise UserError(
                            f"{self.url} said nothing {SILENCES} times for {self.timeout:g} seconds; is it busy, or the model too"
                            " slow for this machine? What was answered is kept: the same command goes on"
                        ) from None
                    log.warning("warning: %s said nothing for %g seconds; it is asked again", self.url, self.timeout)
            if attempt < TRIES - 1:
                self.sleep(min(LONGEST_WAIT, wait if wait is not None else 0.5 * 2**attempt))
        raise UserError(
            f"{self.url} gave no usable answer in {TRIES} tries ({trouble}); what was answered is kept: the same command goes on"
        )

    def _once(self, path: str, body: bytes | None, key: str) -> dict[str, Any]:
        headers = {"Content-Type": "application/json", "Accept": "application/json", "User-Agent": "llamita"}
        if key:
            headers["Authorization"] = f"Bearer {key}"
        request = urllib.request.Request(self.url.rstrip("/") + path, data=body, headers=headers)
        opener = urllib.request.build_opener(_NoRedirects, *_past_proxies(self.url))
        with opener.open(request, timeout=self.timeout) as answer:
            found = json.loads(answer.read())
        if not isinstance(found, dict):
            raise ValueError("the answer is no JSON object")
        return found

    def _refuse(self, status: int, said: str) -> None:
        if status == 401 or (status == 403 and "logprob" not in said):
            set_ = "is it right?" if _key() else "it isn't set"
            raise UserError(f"{self.url} refuses the key ({said}); it is read from {KEY_VARIABLE}: {set_}") from None
        raise Refused(status, said) from None


class Chat:
    """Questions to a model, which learn which of the settings it doesn't take."""

    def __init__(self) -> None:
        self._refused: frozenset[str] = frozenset()

    def post(self, server: Server, body: dict[str, Any]) -> dict[str, Any]:
        """What the server answers, asked again where it says that the model takes no such setting.

        Raises:
            Refused: for another reason.
        """
        refused = self._refused
        while True:
            named = {NAMES[name] if name in refused else name: value for name, value in body.items()}
            named.pop("", None)
            try:
                answer = server.post("/chat/completions", named)
            except Refused as error:
                more = refused | {name for name in NAMES if error.status == 400 and name in error.said}
                if more == refused or error.ran_out:
                    raise
                refused = more
            else:
                self._refused = refused  # only now: a text may be refused for another reason that names a setting
                return answer


def _past_proxies(url: str) -> list[urllib.request.ProxyHandler]:
    """What goes to this machine itself passes no proxy (http_proxy), which would read key and texts and can't reach it."""
    host = urlsplit(url).hostname or ""
    try:
        here = ipaddress.ip_address(host).is_loopback
    except ValueError:
        here = host == "localhost" or host.endswith(".localhost")
    return [urllib.request.ProxyHandler({})] if here else []


def _key() -> str:
    """The key without what a file or a copy puts around it; empty where none is set.

    Raises:
        UserError: it can't stand in a header, where the error of Python's own would show it.
    """
    key = os.environ.get(KEY_VARIABLE, "").strip()
    require(
        key.isascii() and key.isprintable() and " " not in key,
        f"{KEY_VARIABLE} holds a space, a line break or another character that no key has; copy the key again",
    )
    return key


def _without_keys(line: str, key: str) -> str:
    """The line without the key itself, and without anything that looks like one."""
    line = line.replace(key, "(a key)") if len(key) >= SECRET else line
    return re.sub(r"\b(sk|key)-[\w*.-]+", "(a key)", line)


def _said_by(error: urllib.error.HTTPError, key: str) -> str:
    """What the server says of it, in a line and without anything that looks like a key."""
    try:
        body = json.loads(error.read())
        said = body.get("error", body) if isinstance(body, dict) else body
        said = said.get("message", "") if isinstance(said, dict) else said
    except (ValueError, OSError, http.client.HTTPException):
        said = error.reason
    return _without_keys(" ".join(str(said).split()), key)[:200]


def _asked_to_wait(error: urllib.error.HTTPError) -> float | None:
    try:
        return max(0.0, float(error.headers.get("Retry-After", "")))
    except ValueError:
        return None


def _reason(error: BaseException) -> str:
    inner = getattr(error, "reason", None)
    return first_line(inner if isinstance(inner, BaseException) else error)


def named_endpoint(address: str) -> str:
    """The address with its model; the server is asked where it isn't named: another one may be served there tomorrow."""
    url, _, model = address.partition("#")
    return address if model else f"{url}#{Server(url=url).named('')}"
