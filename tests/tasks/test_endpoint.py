"""An endpoint's answers become probabilities by a stated rule, are paid for once, and every trouble is one line."""

from __future__ import annotations

import dataclasses
import json
import socket
from pathlib import Path

import numpy as np
import pytest
from tests.tasks.servers import Fake, served

from llamita.core.errors import UserError
from llamita.tasks._requests import Server, _past_proxies
from llamita.tasks.endpoint import EndpointEngine, is_endpoint

TEXTS = ["a good film", "a dull film", "good and warm"]


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with served(Fake()) as server:
        yield server


def opened(fake: Fake, cache: Path | None = None, **more: object) -> EndpointEngine:
    engine = EndpointEngine(f"{fake.url}#large-one", ("bad", "fine"), cache=cache, **more)  # type: ignore[arg-type]
    engine.server = dataclasses.replace(engine.server, sleep=lambda _: None)
    return engine


def test_a_url_is_an_endpoint_and_a_folder_is_none() -> None:
    assert is_endpoint("http://localhost:8000/v1#m")
    assert is_endpoint("https://x/v1")
    assert not any(map(is_endpoint, ("smollm2", "http", "owner/name", None)))


def test_probabilities_are_those_of_the_letters(fake: Fake) -> None:
    scores = opened(fake).scores(TEXTS)
    np.testing.assert_allclose(scores[0], [0.06 / 0.98, 0.92 / 0.98], atol=1e-5)
    np.testing.assert_allclose(scores[1], [0.8 / 0.9, 0.1 / 0.9], atol=1e-5)
    body = fake.asked[-1]
    assert (body["model"], body["max_tokens"], body["top_logprobs"]) == ("large-one", 1, 20)
    assert "A. bad\nB. fine" in body["messages"][0]["content"]


def test_without_log_probabilities_several_answers_are_drawn_and_one_more_is_shared(fake: Fake) -> None:
    fake.logprobs = False
    engine = opened(fake)
    np.testing.assert_allclose(engine.scores(TEXTS)[0], [(1 + 0.5) / 6, (4 + 0.5) / 6], atol=1e-5)
    assert engine.way.startswith("5 drawn answers a text")


def test_a_server_that_gives_one_answer_is_taken_at_its_word_smoothed(fake: Fake) -> None:
    fake.logprobs = fake.several = False
    engine = opened(fake)
    np.testing.assert_allclose(engine.scores(TEXTS)[0], [0.25, 0.75], atol=1e-5)
    assert engine.way.startswith("one answer a text")


def test_a_refused_logprobs_flag_is_no_failure(fake: Fake) -> None:
    said = json.dumps({"error": {"message": "logprobs is not supported"}}).encode()
    fake.trouble = lambda number: (400, {}, said) if number == 1 else None
    assert opened(fake).scores(TEXTS)[0].argmax() == 1


def test_a_killed_run_pays_for_nothing_twice(fake: Fake, tmp_path: Path) -> None:
    first = opened(fake, tmp_path).text_logits(TEXTS[:2])
    (file,) = tmp_path.glob("*.jsonl")
    with file.open("a", encoding="utf-8") as stream:
        stream.write('{"text": "abc", "answ')  # what a kill leaves
    before = len(fake.asked)
    again = opened(fake, tmp_path)
    np.testing.assert_array_equal(again.text_logits(TEXTS[:2]), first)
    assert len(fake.asked) == before
    assert again.way.startswith("the probabilities of the labels' letters")
    again.text_logits(TEXTS)
    assert fake.texts[before:] == [again.question.messages(TEXTS[2])[-1]["content"]]
    last = opened(fake, tmp_path)
    last.text_logits(TEXTS)
    assert len(fake.asked) == before + 1


def test_another_question_is_another_answer(fake: Fake, tmp_path: Path) -> None:
    opened(fake, tmp_path).text_logits(TEXTS[:1])
    before = len(fake.asked)
    opened(fake, tmp_path, prompt="Review: {text}").text_logits(TEXTS[:1])
    assert len(fake.asked) > before
    assert fake.texts[-1] == "Review: a good film"


def test_a_busy_server_is_waited_for_as_long_as_it_asks(fake: Fake) -> None:
    engine, slept = opened(fake), []
    engine.server = dataclasses.replace(engine.server, sleep=slept.append)
    fake.trouble = lambda number: {1: (429, {"Retry-After": "3"}, b"{}"), 2: (503, {}, b"busy")}.get(number)
    assert engine.scores(TEXTS[:1])[0].argmax() == 1
    assert slept == [3.0, 1.0]


def test_broken_json_is_asked_again_and_patience_ends_in_one_line(fake: Fake) -> None:
    fake.trouble = lambda number: (200, {}, b'{"choices": [') if number == 1 else None
    assert opened(fake).scores(TEXTS[:1])[0].argmax() == 1
    fake.trouble = lambda _: (429, {}, b'{"error": {"message": "slow down"}}')
    with pytest.raises(UserError, match=r"no usable answer in 7 tries \(429 slow down\); what was answered is kept"):
        opened(fake).text_logits(["new"])


def test_a_server_that_hangs_is_told_of_and_not_waited_for_seven_times(caplog: pytest.LogCaptureFixture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as hanging:
        slept: list[float] = []
        server = Server(url=f"http://127.0.0.1:{hanging.getsockname()[1]}/v1", timeout=0.05, sleep=slept.append)
        with pytest.raises(UserError, match=r"said nothing 3 times for 0.05 seconds; .* the same command goes on"):
            server.post("/chat/completions", {})
    assert slept == [0.5, 1.0]
    assert [r.getMessage().partition("/v1 ")[2] for r in caplog.records] == [
        "said nothing for 0.05 seconds; it is asked again"
    ] * 2


def test_an_answer_without_choices_is_no_such_server(fake: Fake) -> None:
    fake.trouble = lambda _: (200, {}, b'{"result": 1}')
    with pytest.raises(UserError, match="doesn't answer as an OpenAI-compatible server: no choices"):
        opened(fake).text_logits(TEXTS)


def test_answers_that_name_no_label_are_undecided_and_too_many_of_them_stop_the_run(fake: Fake) -> None:
    fake.answer = lambda text: {"Sure": 0.9, "!": 0.05} if "odd" in text else {"B": 0.9, "A": 0.1}
    engine = opened(fake)
    scores = engine.scores(["fine", "odd"])
    np.testing.assert_allclose(scores[1], [0.5, 0.5])
    assert engine.undecided == 1
    with pytest.raises(
        UserError, match=r"large-one names no label in \d+ of \d+ answers \(the last: 'Sure'\); change --prompt"
    ):
        engine.scores([f"odd {i}" for i in range(40)])


@pytest.mark.parametrize("way", ["logprobs", "drawn", "hard"])
def test_a_text_whose_answer_names_no_label_is_paid_for_once(way: str, fake: Fake) -> None:
    fake.logprobs, fake.several = way == "logprobs", way != "hard"
    fake.answer = lambda text: {"Sure": 0.9, "!": 0.05} if "odd" in text else {"B": 0.9, "A": 0.1}
    engine = opened(fake)
    engine.scores(["fine", "odd"])
    assert engine.undecided == 1
    assert sum("odd" in text for text in fake.texts) == 1


def test_answers_are_counted_only_where_one_names_no_label(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    fake.answer = lambda text: {"Sure": 0.9, "!": 0.05} if "odd" in text else {"B": 0.9, "A": 0.1}
    counted: list[int] = []
    engine = opened(fake)
    monkeypatch.setattr(engine, "_stop_if_unusable", lambda: counted.append(1))
    engine.scores([*(f"fine {i}" for i in range(30)), "odd"])
    assert len(counted) == 1, "counting all at each answer takes as long as asking where there are a hundred thousand"


def test_the_key_is_sent_and_never_kept_or_shown(
    fake: Fake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    fake.key = "sk-secret"
    with pytest.raises(
        UserError, match=r"refuses the key \(401 Incorrect API key: \(a key\)\).*OPENAI_API_KEY: it isn't set"
    ):
        opened(fake)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    caplog.set_level("DEBUG", logger="llamita")
    opened(fake, tmp_path).scores(TEXTS)
    assert fake.headers[-1]["Authorization"] == "Bearer sk-secret"
    kept = "".join(path.read_text() for path in tmp_path.rglob("*") if path.is_file())
    assert "secret" not in kept + caplog.text


def test_one_model_needs_no_name_and_an_unknown_one_is_refused(fake: Fake) -> None:
    assert EndpointEngine(fake.url, ("a", "b")).model == "large-one"
    with pytest.raises(UserError, match=r"no model 'large-two' at .* Did you mean 'large-one'\? It has: large-one\."):
        EndpointEngine(f"{fake.url}#large-two", ("a", "b"))
    fake.models = ("one", "two")
    with pytest.raises(UserError, match=r"serves several models; name one after #: It has: one, two\."):
        EndpointEngine(fake.url, ("a", "b"))


def test_nobody_there_and_no_url_are_one_line() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        free = taken.getsockname()[1]
    with pytest.raises(UserError, match=rf"can't reach http://127.0.0.1:{free}/v1: .*is the server running"):
        EndpointEngine(f"http://127.0.0.1:{free}/v1#m", ("a", "b"))
    with pytest.raises(UserError, match="must hold no user, password or query"):
        EndpointEngine("http://me:secret@host/v1", ("a", "b"))
    with pytest.raises(UserError, match="chooses among 2 to 26 labels, got 27"):
        EndpointEngine("http://host/v1#m", [str(i) for i in range(27)])


def test_a_redirect_is_not_followed_with_the_key(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    engine = opened(fake)
    with served(Fake()) as elsewhere:
        fake.trouble = lambda _: (307, {"Location": f"{elsewhere.url}/chat/completions"}, b"")
        with pytest.raises(UserError, match="refuses to answer as 'large-one': 307"):
            engine.text_logits(TEXTS)
        assert not elsewhere.asked


def told(status: int, message: str) -> tuple[int, dict[str, str], bytes]:
    return status, {}, json.dumps({"error": {"message": message}}).encode()


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_text_that_the_server_refuses_stays_undecided_and_is_named(
    status: int, fake: Fake, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    fake.trouble = lambda _: told(status, "filtered") if "forbidden" in fake.texts[-1] else None
    texts = ["forbidden " * 20, *TEXTS]
    engine = opened(fake, tmp_path)
    with caplog.at_level("WARNING", logger="llamita"):
        scores = np.concatenate([engine.scores([text]) for text in texts])
    np.testing.assert_allclose(scores[0], [0.5, 0.5])
    assert scores[1].argmax() == 1
    line, counted = [record.getMessage() for record in caplog.records]
    assert "names no label for 1 of 1 texts" in counted
    assert line.startswith("warning: large-one refuses a text, which stays undecided: 'forbidden forbidden")
    assert "filtered" in line
    assert len(line) < 200
    assert all(quoted in line for quoted in caplog.records[0].quotes)  # type: ignore[attr-defined]
    fake.trouble = lambda _: None
    assert opened(fake, tmp_path).unasked(texts) == texts[:1]  # the refusal isn't kept


def test_a_server_that_refuses_most_texts_stops_the_run_with_what_it_says(fake: Fake) -> None:
    fake.trouble = lambda number: told(400, "too long") if number > 1 else None
    with pytest.raises(UserError, match=r"names no label in \d+ of \d+ answers \(the last: '400 too long'\)"):
        opened(fake).text_logits([f"text {i}" for i in range(40)])


def test_a_server_that_refuses_even_a_plain_question_is_one_line(fake: Fake) -> None:
    fake.trouble = lambda _: told(400, "max_tokens is not supported")
    with pytest.raises(UserError, match="refuses to answer as 'large-one': 400 max_tokens is not supported"):
        opened(fake).text_logits(TEXTS)
    assert len(fake.asked) == 6  # each of three questions once more without that setting


@pytest.mark.parametrize("key", ["sk-one\nsk-two", "my secret", "schlüssel", "xyz1\txyz2"])
def test_a_key_that_no_header_takes_is_refused_at_once_without_being_shown(
    key: str, fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", key)
    with pytest.raises(UserError, match="OPENAI_API_KEY holds a space, a line break") as error:
        opened(fake)
    assert not any(part in str(error.value) for part in key.split())


def test_what_a_file_puts_around_a_key_is_no_part_of_it(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    fake.key = "token123"
    monkeypatch.setenv("OPENAI_API_KEY", " token123\n")
    assert opened(fake).scores(TEXTS[:1])[0].argmax() == 1


def test_a_server_that_repeats_the_key_does_not_get_it_shown(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "hunter2hunter2")
    fake.trouble = lambda _: told(404, "the key hunter2hunter2 may not use this model")
    with pytest.raises(UserError, match=r"the key \(a key\) may not use this model") as error:
        opened(fake).text_logits(TEXTS)
    assert "hunter2" not in str(error.value)


def test_a_prompt_names_the_first_text_before_the_second_and_no_second_of_a_single_one(fake: Fake) -> None:
    with pytest.raises(UserError, match=r"the prompt must name \{text\} before \{pair\}"):
        opened(fake, prompt="{pair} or {text}?")
    engine = opened(fake, prompt="{text} then {pair}?")
    engine.text_logits([("one", "other")])
    assert fake.texts[-1] == "one then other?"
    with pytest.raises(UserError, match=r"the prompt names a \{pair\}, but the text is a single one"):
        engine.text_logits(["one"])


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_what_goes_to_this_machine_passes_no_proxy(host: str, fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    address = f"{fake.url.replace('127.0.0.1', host)}#large-one"
    assert EndpointEngine(address, ("bad", "fine")).scores(TEXTS[:1]).shape == (1, 2)
    assert [len(_past_proxies(url)) for url in ("http://[::1]:1/v1", "http://127.0.0.1.evil.org/v1")] == [1, 0]


def test_a_setting_that_a_model_does_not_take_is_named_otherwise_or_left_out_from_then_on(fake: Fake) -> None:
    def trouble(number: int) -> tuple[int, dict[str, str], bytes] | None:
        body = fake.asked[number - 1]
        if "max_tokens" in body:
            return told(400, "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.")
        return told(400, "'temperature' does not support 0 with this model") if "temperature" in body else None

    fake.trouble = trouble
    assert opened(fake).scores(TEXTS).argmax(axis=1).tolist() == [1, 0, 1]
    assert len(fake.asked) == 3 + len(TEXTS)
    assert all(body["max_completion_tokens"] == 1 and "temperature" not in body for body in fake.asked[2:])


def test_probabilities_that_a_key_may_not_ask_for_are_no_wrong_key(fake: Fake) -> None:
    fake.trouble = lambda number: told(403, "You are not allowed to request logprobs") if number == 1 else None
    engine = opened(fake)
    assert engine.scores(TEXTS).argmax(axis=1).tolist() == [1, 0, 1]
    assert engine.way.startswith("5 drawn answers")


@pytest.mark.parametrize("shown", ["in the answer", "beside it", "not at all", "with an error"])
def test_a_model_that_thinks_first_gets_room_for_it_and_its_answer_is_what_follows(
    shown: str, fake: Fake, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def trouble(number: int) -> tuple[int, dict[str, str], bytes]:
        body = fake.asked[number - 1]
        letter = "B" if "good" in fake.texts[number - 1] else "A"
        brief = body["max_tokens"] < 100
        if brief and shown == "with an error":
            return told(400, "Could not finish the message because max_tokens or model output limit was reached.")
        message = {"content": "" if brief else letter}
        if shown == "in the answer":
            message = {"content": "<think>" if brief else f"<think>\nA? B?\n</think>\n\n{letter}"}
        elif shown == "beside it":
            message["reasoning_content"] = "Let me see"
        choice = {"message": message, "finish_reason": "length" if brief else "stop"}
        return 200, {}, json.dumps({"choices": [choice]}).encode()

    fake.trouble = trouble
    with caplog.at_level("WARNING", logger="llamita"):
        engine = opened(fake, tmp_path)
        np.testing.assert_allclose(engine.scores(TEXTS), [[0.25, 0.75], [0.75, 0.25], [0.25, 0.75]], atol=1e-5)
    assert "large-one thinks before it answers, up to 2,048 tokens a text" in caplog.text
    assert engine.way.startswith("one answer a text, after up to 2,048 tokens of thinking")
    asked = len(fake.asked)
    opened(fake, tmp_path).scores([*TEXTS, "new"])
    assert [body["max_tokens"] for body in fake.asked[asked:]] == [2048]


def test_thinking_that_comes_to_no_end_is_named_as_the_cause(fake: Fake) -> None:
    choice = {"message": {"content": "<think> hm"}, "finish_reason": "length"}
    fake.trouble = lambda _: (200, {}, json.dumps({"choices": [choice]}).encode())
    with pytest.raises(UserError, match="large-one thinks before it answers, and names no label within 2,048 tokens"):
        opened(fake).scores(TEXTS)
    fake.trouble = lambda number: (200, {}, json.dumps({"choices": [choice]}).encode()) if number > 9 else None
    with pytest.raises(UserError, match="large-one thinks before it answers"):
        opened(fake).scores([f"text {i}" for i in range(60)])


def test_thinking_that_ran_out_is_paid_for_once_and_given_time(
    fake: Fake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = told(400, "Could not finish the message because max_tokens or model output limit was reached.")

    def trouble(number: int) -> tuple[int, dict[str, str], bytes]:
        brief, long_winded = fake.asked[number - 1]["max_tokens"] < 100, "dull" in fake.texts[number - 1]
        choice = {"message": {"content": "B"}, "finish_reason": "stop"}
        return out if brief or long_winded else (200, {}, json.dumps({"choices": [choice]}).encode())

    fake.trouble, times, post = trouble, set(), Server.post

    def timed(server: Server, path: str, body: dict) -> dict:
        times.add((body["max_tokens"] > 100, server.timeout))
        return post(server, path, body)

    monkeypatch.setattr(Server, "post", timed)
    np.testing.assert_allclose(opened(fake, tmp_path).scores(TEXTS)[:, 0], [0.25, 0.5, 0.25], atol=1e-5)
    assert times == {(False, 120.0), (True, 900.0)}
    assert sum("dull" in text for text in fake.texts) == 1
    number = len(fake.asked)
    opened(fake, tmp_path).scores(TEXTS)
    assert len(fake.asked) == number


def test_a_first_token_of_white_space_is_no_thinking(fake: Fake) -> None:
    def trouble(number: int) -> tuple[int, dict[str, str], bytes]:
        asked = fake.asked[number - 1]
        choices = [{"message": {"content": " " if asked["max_tokens"] == 1 else " B"}, "finish_reason": "length"}]
        return 200, {}, json.dumps({"choices": choices * asked.get("n", 1)}).encode()

    fake.trouble = trouble
    engine = opened(fake)
    assert engine.scores(TEXTS[:1])[0].argmax() == 1
    assert engine.way.startswith("5 drawn answers")


def test_a_server_that_tells_fewer_tokens_keeps_its_probabilities(fake: Fake) -> None:
    said = json.dumps({"error": {"message": "top_logprobs must be at most 5"}}).encode()
    fake.trouble = lambda number: (400, {}, said) if fake.asked[number - 1].get("top_logprobs", 0) > 5 else None
    engine = opened(fake)
    assert engine.scores(TEXTS).argmax(axis=1).tolist()
    assert engine.way == "the probabilities of the labels' letters among its 5 likeliest first tokens"


def test_no_texts_have_no_answers(fake: Fake) -> None:
    engine = opened(fake)
    assert engine.scores([]).shape == engine.text_logits([]).shape == (0, 2)


def test_a_server_whose_answers_were_no_use_is_asked_again_next_time(fake: Fake, tmp_path: Path) -> None:
    rule, fake.answer = fake.answer, lambda text: {"I": 0.9, "!": 0.05}
    texts = [*TEXTS, *(f"a film of the year {i}" for i in range(40))]
    for _ in range(2):
        with pytest.raises(UserError, match="names no label in"):
            opened(fake, tmp_path).scores(texts)
    fake.answer = rule
    engine = opened(fake, tmp_path)
    assert engine.scores(texts)[0].argmax() == 1
    assert engine.undecided == 0


def test_how_a_server_answers_is_found_out_anew_where_no_answer_was_kept(fake: Fake, tmp_path: Path) -> None:
    opened(fake, tmp_path).scores(TEXTS[:1])
    (file,) = tmp_path.glob("*.jsonl")
    file.write_text('{"way": "hard"}\n', encoding="utf-8")
    engine = opened(fake, tmp_path)
    engine.scores(TEXTS)
    assert engine.way.startswith("the probabilities of the labels' letters")


def test_texts_without_a_named_label_are_counted_aloud(fake: Fake, caplog: pytest.LogCaptureFixture) -> None:
    fake.answer = lambda text: {"Sure": 0.9, "!": 0.05} if "odd" in text else {"B": 0.9, "A": 0.1}
    opened(fake).scores(["fine", "odd"])
    assert "names no label for 1 of 2 texts" in caplog.text
