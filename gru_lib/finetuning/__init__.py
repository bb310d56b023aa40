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
    "adapter_names",
    "adapter_updates",
    "add_bottleneck",
    "add_lora",
    "base_fingerprint",
    "load_adapter",
    "merge_lora",
    "remove_lora",
    "save_adapter",
    "train_only",
    "use_adapter",
]
