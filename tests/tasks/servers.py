"""A tiny OpenAI-compatible server in a thread, which answers by a rule and can be told to misbehave."""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Fake:
    """What the server does, and what it was asked."""

    models: tuple[str, ...] = ("large-one",)
    logprobs: bool = True
    several: bool = True
    key: str = ""
    trouble: Callable[[int], tuple[int, dict[str, str], bytes] | None] = lambda _: None
    """From the number of a chat request, counted from 1, to a status, headers and body sent instead."""
    answer: Callable[[str], dict[str, float]] = field(
        default=lambda text: {"B": 0.9, "A": 0.06, " B": 0.02} if "good" in text else {"A": 0.8, "B": 0.1, "The": 0.05}
    )
    """Probabilities of first tokens by the question."""
    asked: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    url: str = ""

    @property
    def texts(self) -> list[str]:
        return [body["messages"][-1]["content"] for body in self.asked]


@contextmanager
def served(fake: Fake) -> Generator[Fake]:
    """The fake on a free port, until the end."""
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

        def reply(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def refuses(self) -> bool:
            if fake.key and self.headers.get("Authorization") != f"Bearer {fake.key}":
                self.reply(401, json.dumps({"error": {"message": "Incorrect API key: sk-abc123"}}).encode())
                return True
            return False

        def do_GET(self) -> None:
            if not self.refuses():
                self.reply(200, json.dumps({"data": [{"id": name} for name in fake.models]}).encode())

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if self.refuses():
                return
            with lock:
                fake.asked.append(body)
                fake.headers.append(dict(self.headers))
                number = len(fake.asked)
            if bad := fake.trouble(number):
                self.reply(bad[0], bad[2], bad[1])
                return
            self.reply(200, json.dumps({"choices": self.choices(body)}).encode())

        def choices(self, body: dict[str, Any]) -> list[dict[str, Any]]:
            shares = fake.answer(body["messages"][-1]["content"])
            best = max(shares, key=lambda token: shares[token])
            one: dict[str, Any] = {"message": {"role": "assistant", "content": best}}
            if body.get("logprobs") and fake.logprobs:
                top = [{"token": token, "logprob": math.log(share)} for token, share in shares.items()]
                one["logprobs"] = {"content": [{"token": best, "top_logprobs": top}]}
            ranked = sorted(shares, key=lambda token: -shares[token])
            drawn = [{"message": {"content": ranked[int(i == 4) % len(ranked)]}} for i in range(body.get("n", 1))]
            return drawn if body.get("n", 1) > 1 and fake.several else [one]

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    fake.url = f"http://127.0.0.1:{server.server_port}/v1"
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
