"""What turns a pretrained network into one for another job.

>>> import gru_lib.finetuning
"""

from gru_lib.finetuning.adapters import (
    Bottleneck,
    add_bottleneck,
    base_fingerprint,
    load_adapter,
    save_adapter,
    train_only,
)
from gru_lib.finetuning.anchoring import (
    ReplayWindows,
    mix_weights,
    pull_towards,
    replay_windows,
)
from gru_lib.finetuning.lora import (
    LowRank,
    adapter_names,
    adapter_updates,
    add_lora,
    merge_lora,
    remove_lora,
    use_adapter,
)

__all__ = [
    "Bottleneck",
    "LowRank",
    "ReplayWindows",
    "adapter_names",
    "adapter_updates",
    "add_bottleneck",
    "add_lora",
    "base_fingerprint",
    "load_adapter",
    "merge_lora",
    "mix_weights",
    "pull_towards",
    "remove_lora",
    "replay_windows",
    "save_adapter",
    "train_only",
    "use_adapter",
]
