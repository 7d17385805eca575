"""The section of a model's page that shows a proof."""

from generator.files.results import StoredResult
from generator.files.specs import Specs
from generator.publish.measured_parts import source_line
from generator.publish.text import escape, number
from generator.records.proof import Proof


def render_proof(entry: StoredResult, specs: Specs) -> str:
    """That the bits are real: how many bytes a sample took, and that it came back."""
    result, proof = entry.result, entry.result.proof
    if proof is None:
        return ""
    corpus = specs.corpora.get(result.name)
    title = corpus.title if corpus else result.name
    lost = (proof.bits_quantised - proof.bits_ideal) / proof.tokens
    facts = [
        ("Bits per byte of the file", number(8 * proof.compressed_bytes / proof.sample_bytes, 4)),
        ("Cost by the model's probabilities", f"{number(proof.bits_ideal, 1)} bits"),
        ("Cost by the coder's weights", f"{number(proof.bits_quantised, 1)} bits"),
        ("Lost by rounding to them", f"{number(lost, 4)} bits a token"),
        ("Precision of the weights", f"{proof.precision_bits} bits"),
        ("Tokens", f"{proof.tokens}, in blocks of {proof.block_tokens}"),
        ("Header, not counted", f"{proof.header_bytes} bytes"),
        ("Seconds to compress and to decompress", _seconds(proof)),
        ("SHA-256 of the sample", proof.sample_sha256),
    ]
    rows = "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in facts)
    return (
        f'<h2 id="proof-{escape(result.name)}">Proof: {escape(title)}</h2>'
        f"<p>{proof.sample_bytes:,} bytes of the text were compressed to "
        f"{proof.compressed_bytes:,} bytes and decompressed in a fresh process, byte for byte "
        f'equal.</p><dl class="facts">{rows}</dl>{source_line(entry, specs)}'
    )


def _seconds(proof: Proof) -> str:
    return f"{number(proof.encode_seconds, 1)}, {number(proof.decode_seconds, 1)}"
