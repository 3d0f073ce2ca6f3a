"""Several processes at one job, as torchrun starts them: who is first, who waits, what they agree on.

Everything here is trivial in a single process, and needs no torch there. `accelerate launch` sets the same
variables, with `--multi_gpu` or `--use_fsdp` on CPUs too.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from llamita.core.errors import require

PATIENCE = timedelta(days=7)
"""How long processes wait for one another: for as long as the first may measure, or a teacher read."""
SHARDING = "ACCELERATE_USE_FSDP"
"""The variable that asks for FSDP; `accelerate launch --use_fsdp` sets it."""


def num_processes() -> int:
    """How many processes work at this job."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def process_rank() -> int:
    """This one's number, from 0."""
    return int(os.environ.get("RANK", "0")) if num_processes() > 1 else 0


def is_first() -> bool:
    """Whether this process writes the files and does what one does for all."""
    return process_rank() == 0


def shares_weights() -> bool:
    """Whether each process is to hold a share of the weights while it trains (FSDP2)."""
    return _is_set(SHARDING)


def check_sharding() -> None:
    """Refuse what is asked of FSDP and can't be."""
    if not shares_weights():
        return
    require(
        num_processes() > 1,
        f"{SHARDING} shares the weights out among processes, and this is one; start several with torchrun, or leave it out",
    )
    version = os.environ.get("FSDP_VERSION", "2")
    require(version == "2", f"FSDP_VERSION must be 2, got {version}; of accelerate launch it is --fsdp_version 2")
    for name in ("FSDP_OFFLOAD_PARAMS", "FSDP_ACTIVATION_CHECKPOINTING"):
        require(not _is_set(name), f"{name} isn't supported: weights are shared out, no more; leave it out")


def _is_set(name: str) -> bool:
    return os.environ.get(name, "").lower() not in ("", "0", "false", "no", "off", "n", "f")


_over_gloo: Any = None
"""The processes once more, where they met over something else; made at the first wait."""


def num_processes_here() -> int:
    """How many of them share this machine."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", num_processes())) if num_processes() > 1 else 1


def join() -> None:
    """Meet the others, once: over Gloo, and NCCL for what lies on GPUs."""
    import torch
    from torch import distributed

    if distributed.is_initialized():
        return
    # asked for FSDP, Transformers would leave the weights unread in all processes but the first
    os.environ["FSDP_CPU_RAM_EFFICIENT_LOADING"] = "false"
    on_gpus = torch.cuda.is_available()
    if on_gpus:
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    distributed.init_process_group("cuda:nccl,cpu:gloo" if on_gpus else "gloo", timeout=PATIENCE)


def leave() -> None:
    """Part from the others, if they were met."""
    if num_processes() > 1:
        from torch import distributed

        global _over_gloo
        _over_gloo = None
        if distributed.is_initialized():
            distributed.destroy_process_group()


def agreed(value: Any) -> Any:
    """The first process's value, in all of them; they wait for it."""
    if num_processes() == 1:
        return value
    from torch import distributed

    join()
    held = [value]
    distributed.broadcast_object_list(held, src=0)
    return held[0]


def least(value: int) -> int:
    """The least of what the processes say."""
    if num_processes() == 1:
        return value
    from torch import distributed

    join()
    said = [0] * num_processes()
    distributed.all_gather_object(said, value)
    return min(said)


def wait() -> None:
    """Go on when all have come here."""
    agreed(None)
    if num_processes() > 1:
        from torch import distributed

        global _over_gloo
        if _over_gloo is None and distributed.get_backend() != "gloo":  # the group of GPUs has no such barrier
            _over_gloo = distributed.new_group(backend="gloo", timeout=PATIENCE)
        distributed.monitored_barrier(_over_gloo, timeout=PATIENCE)


@contextmanager
def first_alone() -> Generator[None]:
    """The first process does what is inside while the others wait, then they do it, finding what it left."""
    if not is_first():
        wait()
    yield
    if is_first():
        wait()
