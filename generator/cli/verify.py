"""`leaderboard verify`."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from generator.cli.app import Root, app, valid_specs
from generator.cli.jobs import refuse_unknown
from generator.files.results import write_result
from generator.records.results import Result


@app.command()
def verify(
    model: Annotated[str, typer.Argument(help="The id of a model.")],
    corpus: Annotated[str, typer.Argument(help="The text that the sample is taken from.")],
    root: Root = Path(),
    sample_bytes: Annotated[int, typer.Option("--bytes", min=1, help="Size of the sample.")] = 4096,
    local: Annotated[bool, typer.Option("--local", help="Write to results/local.")] = False,
) -> None:
    """Compress a sample with the model, decompress it in a fresh process, and record the proof.

    Example: `leaderboard verify HuggingFaceTB__SmolLM2-135M-Instruct@Q4_1 sotu --local`
    """
    from generator.measure.proof import prove_model
    from generator.measure.record import Workplace

    specs = valid_specs(root)
    refuse_unknown(
        {"model": ("model", model, specs.models), "corpus": ("corpus", corpus, specs.corpora)}
    )
    place = Workplace(root.resolve(), root.resolve() / "build" / "cache")
    with Progress(console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task("loading", total=None)

        def report(stage: str, done: int, total: int) -> None:
            progress.update(bar, description=stage, completed=done, total=total)

        chosen = specs.models[model], specs.corpora[corpus]
        result = prove_model(*chosen, sample_bytes, place, report)
    file = write_result(root, "local" if local else "measured", result)
    print(_answer(result, file))
    if result.error is not None:
        raise typer.Exit(1)


def _answer(result: Result, file: str) -> str:
    if result.error is not None:
        return f"failed ({result.error.reason}): {result.error.message} → {file}"
    proof = result.proof
    assert proof is not None  # a proof that did not fail has it
    rate = 8 * proof.compressed_bytes / proof.sample_bytes
    lost = (proof.bits_quantised - proof.bits_ideal) / proof.tokens
    return (
        f"{proof.sample_bytes} bytes of {result.name} → {proof.compressed_bytes} bytes "
        f"({rate:.4f} bits/byte, header of {proof.header_bytes} bytes not counted) → "
        f"{proof.sample_bytes} bytes, equal\n"
        f"cost {proof.bits_ideal:.1f} bits by the model's probabilities, "
        f"{proof.bits_quantised:.1f} by the coder's weights ({lost:+.4f} bits a token) → {file}"
    )
