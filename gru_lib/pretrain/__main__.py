"""python -m gru_lib.pretrain: train the course's language model, or another one like it."""

import argparse
import signal
import sys
from dataclasses import fields
from pathlib import Path

import torch

from gru_lib.pretrain.corpus import file_corpus, reference_corpus
from gru_lib.pretrain.processes import Processes
from gru_lib.pretrain.training import Recipe, pretrain

_HELP = {
    "seed": "of the first weights, the order of the windows and what is dropped",
    "epochs": "how often the text is read",
    "embedding_size": "entries of the vector that stands for a character",
    "hidden_size": "entries of the hidden state of each layer",
    "num_layers": "recurrent layers",
    "dropout": "share that is dropped between the layers",
    "learning_rate": "highest rate of the cycle",
    "window": "predictions in a window",
    "batch_size": "windows in a step, over all processes",
}


def make_parser() -> argparse.ArgumentParser:
    """The options, with the recipe of the course's model as defaults."""
    parser = argparse.ArgumentParser(
        prog="python -m gru_lib.pretrain",
        description="Train a language model over characters. Without options: the course's model.",
        epilog="A run that was ended, in whatever way, goes on when the same command is given "
        "again, and gives the same bits. On several cores or machines: torchrun "
        "--nproc-per-node 2 -m gru_lib.pretrain ...",
    )
    for field in fields(Recipe):
        if field.name != "shuffled":
            flag = "--" + field.name.replace("_", "-")
            meaning = f"{_HELP[field.name]} (default: %(default)s)"
            parser.add_argument(
                flag, type=type(field.default), default=field.default, metavar="N", help=meaning
            )
    parser.add_argument("--shuffled", action="store_true", help="shuffle the text: the control")
    parser.add_argument("--text", metavar="FILE", help="UTF-8 (default: the Python reference)")
    parser.add_argument(
        "--own-characters", action="store_true", help="of --text, in place of the course's 96"
    )
    parser.add_argument(
        "--out",
        metavar="FILE",
        default="pretrained.safetensors",
        help="the weights; the card beside them ends in .md (default: %(default)s)",
    )
    parser.add_argument("--checkpoint", metavar="FILE", help="default: OUT.checkpoint")
    parser.add_argument(
        "--checkpoint-every",
        type=int,
        default=1,
        metavar="N",
        help="steps that a killed run loses at most (default: %(default)s)",
    )
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--resume", action="store_true", help="go on; an error if there is nothing")
    how.add_argument("--restart", action="store_true", help="begin anew; the checkpoint is lost")
    parser.add_argument("--device", default="cpu", help="auto, cpu, cuda, ... (default: cpu)")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Do what the command line asks for; return the exit status."""
    options = make_parser().parse_args(arguments)
    recipe = Recipe(**{field.name: getattr(options, field.name) for field in fields(Recipe)})
    checkpoint = Path(options.checkpoint or f"{options.out}.checkpoint")
    torch.set_num_threads(1)  # the same bits, however many cores there are
    before = signal.signal(signal.SIGTERM, _interrupt)
    processes = None
    try:
        if options.resume and not checkpoint.exists():
            raise ValueError(f"--resume: there is no checkpoint {checkpoint}")
        if options.own_characters and options.text is None:
            raise ValueError("--own-characters goes with --text FILE")
        processes = Processes(options.device)
        with processes:
            if checkpoint.exists() and not options.restart and processes.is_first:
                print(f"Going on from {checkpoint}.", flush=True)
            history = pretrain(
                file_corpus(options.text, options.own_characters)
                if options.text
                else reference_corpus(),
                recipe,
                options.out,
                checkpoint=checkpoint,
                checkpoint_every=options.checkpoint_every,
                resume=not options.restart,
                processes=processes,
            )
            if processes.is_first:
                print(f"Written: {options.out}. {history}")
    except KeyboardInterrupt:
        if processes is None or processes.is_first:
            print(f"\nStopped; {_how_to_go_on(checkpoint)}", file=sys.stderr)
        return 130
    except (ValueError, TypeError, OSError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 2
    finally:
        signal.signal(signal.SIGTERM, before)
    return 0


def _how_to_go_on(checkpoint: Path) -> str:
    if checkpoint.exists():
        return f"the same command goes on from {checkpoint} (without --restart)."
    return "nothing was done yet."


def _interrupt(*_: object) -> None:
    """End as Ctrl-C does."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
