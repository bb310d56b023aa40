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
from gru_lib.finetuning.groups import (
    count_trained,
    discriminative_groups,
    freeze,
    layer_groups,
    trained_groups,
    unfreeze,
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
from gru_lib.finetuning.recipe import (
    fine_tune_classifier,
)
from gru_lib.finetuning.schedules import (
    slanted_triangle,
    slanted_triangular,
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
    "count_trained",
    "discriminative_groups",
    "fine_tune_classifier",
    "freeze",
    "layer_groups",
    "load_adapter",
    "merge_lora",
    "mix_weights",
    "pull_towards",
    "remove_lora",
    "replay_windows",
    "save_adapter",
    "slanted_triangle",
    "slanted_triangular",
    "train_only",
    "trained_groups",
    "unfreeze",
    "use_adapter",
]
