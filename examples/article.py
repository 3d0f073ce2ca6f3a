"""Fine-tune a BART-MNLI-type model on plain lists of texts and labels, five epochs, then make it light.

    python examples/article.py                    facebook/bart-large-mnli where the Hub answers, else a small BART from its config
    python examples/article.py --model FOLDER     any sequence classifier
    python examples/article.py --epochs 5 --out DIR

The texts are made of templates: 4 topics, 12 sentence frames each and the topic's own words. A frame of the test texts occurs in no
training text, so what is tested is whether the words' topics were learned, not whether a sentence is known again. It is a simple
set, good for seeing every part at work in minutes, and says nothing about news in the world.
"""

# ruff: noqa: T201
from __future__ import annotations

import argparse
import logging
import os
import random
import tempfile
from pathlib import Path

import torch

import llamita
import llamita.core.model

FRAMES = (
    "The {0} and the {1} were all anyone spoke of today.", "Reports of the {0} reached us before the {1}.",
    "After the {0}, the {1} came as a surprise.", "Nobody had expected such a {0} from this {1}.",
    "A new {0} was shown beside the old {1}.", "They argued about the {0} until the {1} was over.",
    "Every {0} needs a {1}, the speaker said.", "Our reporter saw the {0} and asked about the {1}.",
    "Without the {0} there would be no {1}.", "What the {0} means for the {1} is unclear.",
    "The {1} was late, and so was the {0}.", "Two pages on the {0}, and a word on the {1}.",
)  # fmt: skip
TOPICS = {
    "sport": [
        "goal",
        "match",
        "striker",
        "coach",
        "stadium",
        "referee",
        "tournament",
        "sprint",
        "league",
        "penalty",
        "goalkeeper",
        "marathon",
    ],
    "business": [
        "profit",
        "share",
        "merger",
        "bank",
        "market",
        "investor",
        "invoice",
        "budget",
        "shareholder",
        "tax",
        "dividend",
        "loan",
    ],
    "science": [
        "telescope",
        "molecule",
        "experiment",
        "laboratory",
        "planet",
        "neuron",
        "hypothesis",
        "fossil",
        "microscope",
        "genome",
        "laser",
        "comet",
    ],
    "food": [
        "soup",
        "recipe",
        "oven",
        "bread",
        "pepper",
        "kitchen",
        "dessert",
        "cheese",
        "sauce",
        "garlic",
        "breakfast",
        "pastry",
    ],
}


def topic_texts(frames: tuple[str, ...], number: int, seed: int) -> tuple[list[str], list[str]]:
    """Texts and their labels, as many of each topic, each text once."""
    draw = random.Random(seed)
    pairs: list[tuple[str, str]] = []
    for topic, words in TOPICS.items():
        texts = [frame.format(one, other) for frame in frames for one in words for other in words if one != other]
        pairs += [(text, topic) for text in draw.sample(texts, number // len(TOPICS))]
    draw.shuffle(pairs)
    return [text for text, _ in pairs], [label for _, label in pairs]


def opened(name: str | None) -> llamita.core.model.Model:
    """The model named; else BART-large-MNLI from the Hub, or a small BART of random weights where the Hub is out of reach."""
    from llamita.core.model import Model

    if name:
        return Model.load(name)
    try:
        return Model.load("facebook/bart-large-mnli")
    except llamita.UserError as error:
        print(f"{error}\nA small BART from its config takes its place.")
        return Model.load("config:bart:2m")


def fine_tune(
    model: llamita.core.model.Model, task: llamita.Classify, epochs: int, batch_size: int, learning_rate: float
) -> float:
    """Train with AdamW, a line an epoch; returns the last test accuracy."""
    texts, labels = task.train.texts, torch.as_tensor(task.train.labels)
    optimizer = torch.optim.AdamW(model.module.parameters(), lr=learning_rate, weight_decay=0.01)
    accuracy = 0.0
    for epoch in range(1, epochs + 1):
        model.module.train()
        losses = []
        for batch in torch.randperm(len(texts)).split(batch_size):
            ids = model.tokenizer([texts[i] for i in batch], padding=True, truncation=True, return_tensors="pt")
            inputs = model.inputs(ids["input_ids"].numpy(), ids["attention_mask"].numpy())
            loss = torch.nn.functional.cross_entropy(model.module(**inputs).logits, labels[batch])
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.module.parameters(), 1.0)
            optimizer.step()
            losses.append(loss.item())
        model.module.eval()
        answers = model.scores(task.test.texts).argmax(axis=1)
        accuracy = sum(int(a == b) for a, b in zip(answers, task.test.labels, strict=True)) / len(task.test)
        print(
            f"Epoch {epoch}/{epochs}  Train loss {sum(losses) / len(losses):.4f}  Test acc {accuracy:.4f}", flush=True
        )
    return accuracy


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", help="a folder, a Hub id or config:FAMILY:SIZE")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--texts", type=int, default=800, help="training texts")
    parser.add_argument("--out", type=Path, default=None)
    args = parser.parse_args()
    logging.getLogger("transformers").setLevel(logging.ERROR)
    out = args.out or Path(tempfile.mkdtemp()) / "article"
    torch.manual_seed(0)

    texts, labels = topic_texts(FRAMES[:8], args.texts, seed=0)
    test_texts, test_labels = topic_texts(FRAMES[8:], 200, seed=1)
    task = llamita.Classify.from_lists(texts, labels, test=(test_texts, test_labels), names=sorted(TOPICS))
    model = task.fit_head(opened(args.model))
    rate = 1e-3 if model.name.startswith("config:") else 2e-5
    fine_tune(model, task, args.epochs, batch_size=16, learning_rate=rate)

    model.save(out / "model")  # a stock Hugging Face folder
    steps = [{"prune.vocabulary": {"keep": 4000}}, {"learn.finetune": {"epochs": 1, "learning_rate": rate / 2}}]
    recipe = {
        "model": str(out / "model"),
        "steps": steps,
        "measures": ["measure.quality"],
        "exporters": ["export.onnx"],
    }
    recipe["task"] = {
        "classify": {"train": (texts, labels), "test": (test_texts, test_labels), "labels": sorted(TOPICS)}
    }
    report = llamita.execute(llamita.Recipe.from_dict(recipe, "article.py"), out / "light-topics")
    for subject in report.subjects:
        print(f"{subject.name}: test accuracy {subject.finding('quality.accuracy').value:.4f}")
    light = llamita.load(out / "light-topics" / "light" / "onnx")
    for answer in light.classify(["The bread was better than the soup.", "A penalty decided the match."]):
        print(answer)


if __name__ == "__main__":
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    main()
