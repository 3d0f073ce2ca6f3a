"""The tree is the registry: methods are found by name and built from plain data."""

from __future__ import annotations

import ast
import json
from importlib import import_module
from pathlib import Path

import pytest

from llamita.core import registry
from llamita.core.errors import UserError
from llamita.core.registry import (
    BASES,
    build,
    entries,
    module_of,
    name_of,
    opener_of,
    resolve,
    settings_of,
)


def test_the_tree_is_the_registry():
    names = entries()
    assert {"prune.depth", "prune.width", "prune.vocabulary", "learn.finetune", "distill.logits", "export.onnx"} <= set(
        names
    )
    assert all(entry.summary for entry in names.values())
    assert all(setting.help for entry in names.values() if entry.kind != "task" for setting in entry.settings), [
        (name, s.name) for name, e in names.items() for s in e.settings if not s.help
    ]


def test_a_method_is_found_however_its_base_was_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "prune").mkdir()
    for name, base in (("plain", "Step"), ("dotted", "step.Step")):
        (tmp_path / f"prune/{name}.py").write_text(
            f'"""Prune {name}."""\nclass Cut({base}):\n    keep: int = 4\n    """Layers."""\n', encoding="utf-8"
        )
    monkeypatch.setattr(registry, "ROOT", tmp_path)
    found = registry.entries.__wrapped__()
    assert list(found) == ["prune.dotted", "prune.plain"]
    assert found["prune.dotted"].summary == "Prune dotted."


def test_a_short_name_finds_its_only_method():
    assert resolve("finetune").name == "learn.finetune"
    assert build("quality").__class__.__name__ == "Quality"


def test_what_is_read_without_an_import_is_what_the_imported_class_has():
    for name, entry in entries().items():
        cls = getattr(import_module(f"llamita.{name}"), entry.class_name)
        base = getattr(import_module(f"llamita.core.{entry.kind}"), BASES[entry.kind])
        assert issubclass(cls, base), name
        assert {s.name for s in entry.settings} <= set(cls.__dataclass_fields__), name
        assert name_of(cls) == name
        assert module_of(name).__name__ == f"llamita.{name}"


def test_every_default_is_told_as_its_value():
    for name, entry in entries().items():
        fields = getattr(import_module(f"llamita.{name}"), entry.class_name).__dataclass_fields__
        for setting in entry.settings:
            if entry.kind != "task" and setting.default is not None:
                assert ast.literal_eval(setting.default) == fields[setting.name].default, (name, setting)


def test_a_setting_tells_its_type_its_default_and_its_help():
    keep, method, _ = resolve("prune.depth").settings
    assert (keep.name, keep.type, keep.default) == ("keep", "int", None)
    assert (method.type, method.default) == ("str", "'block_influence'")
    assert keep.help.startswith("Layers that stay, at least 1;")
    assert all(s.name != "needs_teacher" for s in resolve("distill.logits").settings)


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        ("prune.dpeth", None, "no method 'prune.dpeth'. Did you mean 'prune.depth'? See `llamita list`."),
        ("qualty", "measure", "no measure 'qualty'. Did you mean 'quality'? See `llamita list`."),
        ("prune.depth", "exporter", "no exporter 'prune.depth'; a recipe has it under 'steps'"),
        ("zzz", "step", "no step 'zzz'. See `llamita list`."),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest_of_its_kind(name, kind, message):
    with pytest.raises(UserError) as told:
        resolve(name, kind)
    assert str(told.value) == message


def test_plain_values_become_what_the_fields_are():
    step = build("finetune", {"epochs": 2, "batch_size": "8", "learning_rate": "1e-4", "dropout": "no"})
    assert (step.epochs, step.batch_size, step.learning_rate, step.dropout) == (2.0, 8, 1e-4, False)
    assert isinstance(step.epochs, float)
    assert build("finetune", {"learning_rate": None, "max_length": None}).learning_rate is None


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("prune.depth", {}, "prune.depth needs keep."),
        ("prune.depth", {"keep": "two"}, "prune.depth: keep must be int, got 'two'"),
        ("prune.depth", {"keep": 2.0}, "prune.depth: keep must be int, got 2.0"),
        ("prune.depth", {"keep": True}, "prune.depth: keep must be int, got True"),
        ("prune.depth", {"keep": None}, "prune.depth: keep must be int, got nothing"),
        ("prune.depth", {"keep": [2]}, "prune.depth: keep must be int, got (2,)"),
        ("finetune", {"epochs": False}, "learn.finetune: epochs must be float, got False"),
        ("finetune", {"dropout": "perhaps"}, "learn.finetune: dropout must be bool, got 'perhaps'"),
        ("finetune", {"max_length": "long"}, "learn.finetune: max_length must be int | None, got 'long'"),
        (
            "prune.depth",
            {"kep": 2},
            "prune.depth has no setting 'kep'. Did you mean 'keep'? Its settings: keep, method, sample.",
        ),
    ],
)
def test_a_setting_that_cannot_be_is_refused_by_name(name, settings, message):
    with pytest.raises(UserError) as told:
        build(name, settings)
    assert str(told.value) == message


def test_settings_are_plain_data_that_builds_the_same_object():
    step = build("distill.logits", {"epochs": 2, "alpha": 0.25})
    plain = json.loads(json.dumps(settings_of(step)))
    assert plain["alpha"] == 0.25
    assert build(name_of(step), plain) == step


def test_paths_and_nested_settings_become_plain():
    from llamita.core.exporter import Artifact

    assert settings_of(Artifact(folder=Path("a") / "b", exporter="x")) == {"folder": str(Path("a/b")), "exporter": "x"}


@pytest.mark.parametrize("name", ["export.onnx", "learn.linear"])
def test_an_artifact_is_opened_by_the_module_that_it_names(name):
    assert opener_of(name) is import_module(f"llamita.{name}").open_folder


@pytest.mark.parametrize(
    "name", ["os.path", "prune.depth", "core.engine", "export.onnx.open_folder", "../core.engine", ""]
)
def test_a_module_that_opens_nothing_is_refused_with_a_remedy(name):
    with pytest.raises(UserError, match="can't open; update llamita, or export the model again") as told:
        opener_of(name)
    assert repr(name) in str(told.value)
