"""What turns a pretrained network into one for another job.

>>> import gru_lib.finetuning
"""

__all__: list[str] = []
