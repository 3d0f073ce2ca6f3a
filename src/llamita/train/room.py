"""How many tokens of a batch fit in memory: what a forward pass of the longest text keeps, counted, against what there is."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.autograd.graph import saved_tensors_hooks

from llamita.core import processes
from llamita.core.errors import UserError, require
from llamita.core.hardware import memory_bytes, use_bf16
from llamita.core.whole import write_whole
from llamita.train.accumulation import output_tensors
from llamita.train.mode import set_to_train

if TYPE_CHECKING:
    from llamita.core.context import Run
    from llamita.core.model import Model
    from llamita.train.examples import BatchSource

log = logging.getLogger(__name__)

SHARE = 0.5
"""Of the memory that a training may take: others work on the machine, and the allocator leaves gaps."""
PASSING = 1.3
"""What a pass needs at its height, for each byte that it keeps for the way back."""
STATE_BYTES = 16
"""For a trained parameter: itself, its gradient and AdamW's two moments, in fp32."""
ROOM_FILE = "room.json"


def tokens_that_fit(
    model: Model, examples: BatchSource, run: Run, precision: str, of_states: Any = None, *, batch_size: int = 0
) -> int:
    """How many tokens of these texts fit, over all processes; found once for a stage and kept in its folder, to be resumed.

    Args:
        of_states: the loss, where it is one of hidden states.
        batch_size: texts of a batch that is computed in parts where it doesn't fit, whose outputs are kept together; 0: none is.

    Raises:
        UserError: not even one text of the longest fits.
    """
    file = run.folder / ROOM_FILE
    if processes.agreed(file.exists()):
        return int(json.loads(file.read_text(encoding="utf-8"))["max_tokens"])
    longest = int(np.argmax(examples.lengths))
    length = examples.lengths[longest]
    kept, of_loss = kept_bytes(model, examples, [longest], bf16=use_bf16(precision, run.device), of_states=of_states)
    free = SHARE * _memory(run.device) / processes.num_processes_here() - fixed_bytes(model.module)
    rows, ranks = int(free // (PASSING * kept)), processes.num_processes()
    whole = batch_size * of_loss
    if 0 < rows * ranks < batch_size:
        rows = int((free - whole) // (PASSING * kept))
    rows = processes.agreed(rows * ranks)
    if rows < 1:
        needed = fixed_bytes(model.module) + PASSING * kept
        require(
            free < PASSING * kept,
            f"a batch of {batch_size} texts needs {(needed + whole) / 1e9:.1f} GB even in parts, more than"
            f" {100 * SHARE:.0f} % of the memory here; take a smaller batch_size",
        )
        raise UserError(
            f"a text of {length} tokens needs {needed / 1e9:.1f} GB to train on, more than"
            f" {100 * SHARE:.0f} % of the memory here; set max_length (of pretraining: window) below {length},"
            " or take a smaller model"
        )
    tokens = rows * length
    if processes.is_first():
        write_whole(file, json.dumps({"max_tokens": tokens, "bytes_per_token": kept / length}))
    processes.wait()
    beyond = "; larger ones are computed in parts" if batch_size else ""
    log.info("batches of up to %s tokens fit in memory%s", f"{tokens:,}", beyond)
    return tokens


def kept_bytes(
    model: Model, examples: BatchSource, indices: Sequence[int], *, bf16: bool, of_states: Any = None
) -> tuple[int, int]:
    """Bytes that a forward pass of a batch keeps for the backward pass, but for the parameters; and what of a text stays while a
    batch is computed in parts: outputs and gradients, what a loss keeps."""
    module, held = model.module, {}
    own = {p.untyped_storage().data_ptr() for p in (*module.parameters(), *module.buffers())}

    def note(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            held[storage.data_ptr()] = storage.nbytes()
        return tensor

    batch = examples.batch(model, np.array(indices))
    if isinstance(of_states, torch.nn.Module):
        of_states.to(model.device)
    module.train()
    with (
        torch.random.fork_rng(devices=[]), set_to_train(module, max(examples.lengths)),
        torch.autocast(model.device.type, torch.bfloat16, enabled=bf16),
        saved_tensors_hooks(note, lambda tensor: tensor),
    ):  # fmt: skip
        extra = {} if of_states is None else {"output_hidden_states": True}
        outputs = examples.outputs(module, batch["inputs"], **extra)
        before = sum(held.values())
        loss = None if of_states is None else of_states(outputs, batch["inputs"], batch["targets"])
    stays = sum(2 * one.nbytes for one in output_tensors(outputs)) + sum(held.values()) - before
    del outputs, loss
    module.eval()
    return sum(held.values()), stays // len(indices)


def fixed_bytes(module: torch.nn.Module) -> int:
    """What weights, gradients and the optimizer take, whatever the batch; shared out, as much as the whole weights at least."""
    whole = sum(p.numel() * (STATE_BYTES if p.requires_grad else 4) for p in module.parameters())
    if not processes.shares_weights():
        return whole
    return max(whole // processes.num_processes(), sum(4 * p.numel() for p in module.parameters()))


def _memory(device: str) -> int:
    """Of a GPU what is free, and what torch holds there already, such as the weights: `fixed_bytes` counts them."""
    if device.startswith("cuda"):
        free, _ = torch.cuda.mem_get_info(device)
        return free + torch.cuda.memory_reserved(device)
    return memory_bytes() or 8 * 10**9
