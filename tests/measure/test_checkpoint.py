"""A folder of safetensors is loaded complete, or refused in one line that says why."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from compression_leaderboard.measure.calibration import list_candidates
from compression_leaderboard.measure.checkpoint import check_revision, hash_folder
from compression_leaderboard.measure.machine import MeasureError
from compression_leaderboard.measure.weights import find_context, load_folder
from compression_leaderboard.plan.hub_weights import is_buffer
from compression_leaderboard.records.base import weights_part
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModelForCausalLM

from tests.tiny import byte_tokenizer, save_tiny

WEIGHTS = "model.safetensors"
HEAD, EMBEDDING = "lm_head.weight", "model.embed_tokens.weight"
INDEX = "model.safetensors.index.json"
REPAIR = "restore the files of one and the same checkpoint"


@pytest.fixture(scope="module")
def saved(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("tiny") / "A"
    save_tiny(folder)
    return folder


@pytest.fixture
def folder(saved, tmp_path) -> Path:
    return Path(shutil.copytree(saved, tmp_path / "A"))


def change_config(folder: Path, **values) -> None:
    file = folder / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | values))


def change_tensors(folder: Path, change: Callable[[dict], object]) -> None:
    tensors = load_file(folder / WEIGHTS)
    change(tensors)
    tensors = {name: values.contiguous() for name, values in tensors.items()}
    save_file(tensors, folder / WEIGHTS, metadata={"format": "pt"})


def rename(tensors: dict, before: str, after: str) -> None:
    tensors[after] = tensors.pop(before)


def split(folder: Path) -> dict[str, str]:
    """Two shards and their index; returns which tensor is where."""
    tensors = load_file(folder / WEIGHTS)
    (folder / WEIGHTS).unlink()
    names = sorted(tensors)
    where: dict[str, str] = {}
    for number, part in enumerate((names[:5], names[5:]), start=1):
        shard = f"model-0000{number}-of-00002.safetensors"
        save_file({n: tensors[n].clone() for n in part}, folder / shard, metadata={"format": "pt"})
        where |= dict.fromkeys(part, shard)
    write_index(folder, where)
    return where


def write_index(folder: Path, where: dict[str, str]) -> None:
    (folder / INDEX).write_text(json.dumps({"metadata": {}, "weight_map": where}))


def refused(folder: Path) -> tuple[str, str]:
    """Reason and message, without the folder's name before it."""
    with pytest.raises(MeasureError) as failure:
        load_folder(folder, torch.float32, "weights/A")
    place, _, message = failure.value.message.partition(": ")
    assert place == "weights/A"
    assert "\n" not in message
    return failure.value.reason, message


LAYER = "model.layers.1.input_layernorm.weight"


@pytest.mark.parametrize(
    ("break_it", "wrong"),
    [
        (
            lambda folder: change_tensors(folder, lambda t: t.pop(HEAD)),
            f"1 tensor is missing ({HEAD})",
        ),
        (
            lambda folder: change_tensors(folder, lambda t: rename(t, LAYER, "model.layers.1.x")),
            f"1 tensor is missing ({LAYER}), 1 tensor is not part of it (model.layers.1.x)",
        ),
        (
            lambda folder: change_config(folder, num_hidden_layers=3),
            "9 tensors are missing (model.layers.2.input_layernorm.weight, "
            "model.layers.2.mlp.down_proj.weight, model.layers.2.mlp.gate_proj.weight and 6 more)",
        ),
        (
            lambda folder: change_config(folder, num_hidden_layers=1),
            "9 tensors are not part of it (model.layers.1.input_layernorm.weight, "
            "model.layers.1.mlp.down_proj.weight, model.layers.1.mlp.gate_proj.weight and 6 more)",
        ),
        (
            lambda folder: change_config(folder, vocab_size=300),
            f"2 tensors have another shape ({HEAD} has 264 × 32, not 300 × 32, "
            f"{EMBEDDING} has 264 × 32, not 300 × 32)",
        ),
        (
            lambda folder: change_tensors(
                folder, lambda t: t.update({"model.layers.0.attn.bias": torch.ones(32)})
            ),
            "1 tensor is not part of it (model.layers.0.attn.bias)",  # learned, so no mask
        ),
    ],
    ids=["head", "renamed", "more layers", "fewer layers", "vocabulary", "bias"],
)
def test_weights_that_are_not_those_of_the_configuration_are_refused(folder, break_it, wrong):
    break_it(folder)
    assert refused(folder) == ("weights", f"not the model of its config.json: {wrong}; {REPAIR}")


@pytest.mark.parametrize(
    ("values", "wrong"),
    [
        ({"num_hidden_layers": 10**6}, "it has 1,000,000 layers, the files have 21 tensors"),
        ({"vocab_size": 10**9}, "it has 64,000,020,640 parameters, the files at most 37,536"),
        ({"hidden_size": 10**7}, "it has 11,730,000,000 parameters, the files at most 37,536"),
    ],
)
def test_a_configuration_beyond_the_memory_is_refused_before_any_is_taken(folder, values, wrong):
    """Each would take minutes, or more memory than there is, until tensors are compared."""
    change_config(folder, **values)
    assert refused(folder) == ("weights", f"not the model of its config.json: {wrong}; {REPAIR}")


def test_the_number_format_is_that_of_most_weights(tmp_path):
    """The first weights of XLNet stay in float32, whatever format is asked for."""
    sizes = {"d_model": 32, "n_layer": 2, "n_head": 2, "d_inner": 64}
    config = AutoConfig.for_model("xlnet", vocab_size=264, **sizes)
    save_tiny(tmp_path, model=AutoModelForCausalLM.from_config(config))
    assert load_folder(tmp_path, torch.bfloat16).dtype == "bfloat16"
    assert load_folder(tmp_path, torch.float32).dtype == "float32"


def test_a_head_that_is_tied_to_the_embedding_is_not_missing(folder):
    change_tensors(folder, lambda tensors: tensors.pop(HEAD))
    change_config(folder, tie_word_embeddings=True)
    model = load_folder(folder, torch.float32).model
    assert model.get_output_embeddings().weight is model.get_input_embeddings().weight


def test_a_tied_model_without_its_one_matrix_is_refused(folder):
    change_tensors(folder, lambda tensors: (tensors.pop(HEAD), tensors.pop(EMBEDDING)))
    change_config(folder, tie_word_embeddings=True)
    assert "2 tensors are missing" in refused(folder)[1]


def write(file: str, content: bytes) -> Callable[[Path], object]:
    return lambda folder: (folder / file).write_bytes(content)


def index_with(**changes: str) -> Callable[[Path], object]:
    return lambda folder: write_index(folder, split(folder) | changes)


def shard_twice(folder: Path) -> None:
    """A tensor in both shards: which one counts depends on the order of reading."""
    where = split(folder)
    tensors = load_file(folder / where[HEAD])
    other = folder / where[LAYER]
    assert other != folder / where[HEAD]
    both = load_file(other) | {HEAD: tensors[HEAD] + 1}
    save_file(both, other, metadata={"format": "pt"})


@pytest.mark.parametrize(
    ("break_it", "reason", "message"),
    [
        (
            lambda f: f.joinpath(WEIGHTS).write_bytes(f.joinpath(WEIGHTS).read_bytes()[:-1000]),
            "weights",
            "model.safetensors is damaged or cut off (Error while deserializing header: incomplete "
            "metadata, file not fully covered); fetch it again",
        ),
        (
            write(WEIGHTS, b""),
            "weights",
            "model.safetensors is damaged or cut off (Error while deserializing header: header too "
            "small); fetch it again",
        ),
        (
            write("config.json", b"{"),
            "weights",
            "config.json is not a JSON object; restore the file",
        ),
        (
            lambda f: (f / "config.json").unlink(),
            "weights",
            "holds no config.json; add that of the model",
        ),
        (
            lambda f: change_config(f, model_type="frob\nnicator"),
            "weights",
            'config.json gives model_type "frob\\nnicator", which this transformers does not have; '
            "correct it, or use a model that is supported",
        ),
        (
            lambda f: change_config(f, model_type=["llama"]),
            "weights",
            'config.json gives model_type ["llama"], which this transformers does not have; '
            "correct it, or use a model that is supported",
        ),
        (
            lambda f: ((f / "config.json").unlink(), (f / "config.json").mkdir()),
            "weights",
            "holds no config.json; add that of the model",
        ),
        (
            write("tokenizer.json", b'{"version": "1.0", '),
            "weights",
            "tokenizer.json is not a JSON object; restore the file",
        ),
        (
            write("tokenizer_config.json", b"[]"),
            "weights",
            "tokenizer_config.json is not a JSON object; restore the file",
        ),
        (
            write("tokenizer.json", b"{}"),
            "weights",
            "has a tokenizer that cannot be read (KeyError: 'added_tokens'); "
            "score another file, or restore this one",
        ),
        (
            write(WEIGHTS, b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"),
            "weights",
            "model.safetensors is a pointer of Git LFS, not the weights; run `git lfs pull` there",
        ),
        (
            lambda f: change_config(f, num_attention_heads=3),
            "weights",
            "cannot be read as a model (StrictDataclassClassValidationError: Class validation "
            "error for validator 'validate_architecture': ValueError: The hidden size (32) is not "
            "a multiple of the number of attention heads (3).); "
            "score another file, or restore this one",
        ),
        (
            lambda f: change_config(f, model_type="custom", auto_map={"AutoModel": "m.M"}),
            "unsafe_weights",
            "config.json names code of the model (auto_map), which is never run; use a checkpoint "
            "that transformers loads without it",
        ),
        (
            lambda f: change_config(f, quantization_config={"quant_method": "gptq", "bits": 4}),
            "weights",
            "the weights are quantised (gptq); use the weights before quantization, or a GGUF file",
        ),
        (
            lambda f: change_tensors(f, lambda t: t.update({HEAD: t[HEAD].to(torch.int8)})),
            "weights",
            "holds I8, not only F64, F32, F16, BF16; use the weights before quantization, "
            "or a GGUF file",
        ),
        (
            lambda f: change_tensors(f, lambda t: t.update({HEAD: t[HEAD].to(torch.int64)})),
            "weights",
            "holds I64, not only F64, F32, F16, BF16; use the weights before quantization, "
            "or a GGUF file",
        ),
        (
            lambda f: change_config(f, is_encoder_decoder=True),
            "weights",
            "is an encoder with a decoder, which writes what the encoder has read or heard; "
            "choose a model that predicts the next token",
        ),
        (
            lambda f: change_config(f, transformers_weights="other/model.safetensors"),
            "weights",
            "config.json reads the weights from other/model.safetensors; name the file "
            "model.safetensors, and remove transformers_weights",
        ),
        (
            write("adapter_config.json", b'{"base_model_name_or_path": "elsewhere"}'),
            "weights",
            "adapter_config.json adds an adapter to the weights; merge it into the weights, "
            "and remove the file",
        ),
        (
            lambda f: [file.unlink() for file in f.glob("tokenizer*")],
            "weights",
            "has no tokenizer that can be read; "
            "add tokenizer.json and tokenizer_config.json of the model",
        ),
        (
            lambda f: (f / WEIGHTS).rename(f / "other.safetensors"),
            "weights",
            f"other.safetensors is in no {INDEX}; rename it to {WEIGHTS}, or add the index",
        ),
        (
            index_with(x="model-00003-of-00003.safetensors"),
            "weights",
            f"{INDEX} names model-00003-of-00003.safetensors, which is not here; {REPAIR}",
        ),
        (
            index_with(x="../B/model.safetensors"),
            "weights",
            f"{INDEX} names ../B/model.safetensors, a file elsewhere; {REPAIR}",
        ),
        (
            lambda f: (split(f), (f / "model-00003-of-00003.safetensors").write_bytes(b"")),
            "weights",
            f"model-00003-of-00003.safetensors is not part of the weights that are loaded; "
            f"{REPAIR}",
        ),
        (
            lambda f: (split(f), (f / WEIGHTS).write_bytes(b"")),
            "weights",
            f"holds both {WEIGHTS} and {INDEX}; remove one of them",
        ),
        (
            lambda f: (split(f), (f / INDEX).write_text("[]")),
            "weights",
            f"{INDEX} is not a JSON object; restore the file",
        ),
        (
            shard_twice,
            "weights",
            f"{HEAD} is in model-00001-of-00002.safetensors and in "
            f"model-00002-of-00002.safetensors; {REPAIR}",
        ),
    ],
)
def test_files_that_make_no_model_are_one_line(folder, break_it, reason, message):
    break_it(folder)
    assert refused(folder) == (reason, message)


def test_code_beside_an_architecture_of_transformers_is_not_run(folder):
    change_config(folder, auto_map={"AutoModelForCausalLM": "m.M", "AutoConfig": "c.C"})
    (folder / "m.py").write_text("raise SystemExit")
    assert load_folder(folder, torch.float32).subject.architecture == "LlamaForCausalLM"


def test_shards_are_the_weights_that_their_index_names(folder):
    whole = load_folder(folder, torch.float32)
    split(folder)
    (folder / "consolidated.safetensors").write_bytes(b"another layout, which is not read")
    parts = load_folder(folder, torch.float32)
    for ours, theirs in zip(parts.model.parameters(), whole.model.parameters(), strict=True):
        assert torch.equal(ours, theirs)


@pytest.mark.parametrize("dtype", [torch.float32, torch.uint8, torch.bool])
def test_masks_are_ignored_and_named(tmp_path, dtype):
    """As GPT-NeoX, Pythia and GPT-2 have them in their files."""
    sizes = {"num_hidden_layers": 2, "num_attention_heads": 2, "hidden_size": 32}
    config = AutoConfig.for_model("gpt_neox", vocab_size=264, intermediate_size=64, **sizes)
    model = AutoModelForCausalLM.from_config(config)
    save_tiny(tmp_path, model=model)
    masks = {
        f"gpt_neox.layers.{k}.attention.{name}": values
        for k in range(2)
        for name, values in {
            "bias": torch.ones(1, 1, 64, 64).tril().to(dtype),
            "masked_bias": torch.tensor(-1e9),
            "rotary_emb.inv_freq": torch.ones(4),
        }.items()
    }
    change_tensors(tmp_path, lambda tensors: tensors.update(masks))
    loaded = load_folder(tmp_path, torch.float32)
    assert loaded.subject.parameters == model.num_parameters()
    assert loaded.subject.ignored_buffers == (
        "gpt_neox.layers.*.attention.bias",
        "gpt_neox.layers.*.attention.masked_bias",
        "gpt_neox.layers.*.attention.rotary_emb.inv_freq",
    )


@pytest.mark.parametrize(
    ("name", "shape", "expected"),
    [
        ("h.0.attn.bias", (1, 1, 1024, 1024), True),
        ("transformer.h.0.attn.attention.bias", (1, 1, 2048, 2048), True),
        ("h.0.attn.bias", (768,), False),
        ("h.0.attn.bias", (1, 1, 1024, 512), False),
        ("h.0.attn.masked_bias", (), True),
        ("h.0.attn.masked_bias", (64,), False),
        ("model.layers.0.self_attn.rotary_emb.inv_freq", (64,), True),
        ("model.layers.0.self_attn.rotary_emb.inv_freq", (64, 64), False),
        ("bert.embeddings.position_ids", (1, 512), True),
        ("model.layers.0.self_attn.q_proj.bias", (768,), False),
        ("model.layers.0.self_attn.q_proj.weight", (64, 64), False),
    ],
)
def test_a_buffer_is_known_by_name_and_shape(name, shape, expected):
    assert is_buffer(name, shape) is expected


class Fields:
    """A configuration or a tokenizer with these fields."""

    def __init__(self, **fields) -> None:
        self.__dict__.update(fields)


@pytest.mark.parametrize(
    ("config", "limit", "expected"),
    [
        ({"max_position_embeddings": 64, "n_ctx": 8}, 32, (64, "max_position_embeddings")),
        ({"n_positions": 64}, 32, (64, "n_positions")),
        ({"max_seq_len": 64}, 32, (64, "max_seq_len")),
        ({"seq_length": 64}, 32, (64, "seq_length")),
        ({"n_ctx": 64}, 32, (64, "n_ctx")),
        ({"max_position_embeddings": None, "max_seq_length": 64}, 32, (64, "max_seq_length")),
        ({"max_position_embeddings": -1}, 32, (None, "max_position_embeddings")),
        ({"attention_window_size": 8}, 32, (32, "model_max_length")),
        ({"attention_window_size": 8}, int(1e30), (None, "neither")),
        ({"max_position_embeddings": True}, None, (None, "neither")),
    ],
)
def test_the_context_is_read_by_a_chain_of_names(config, limit, expected):
    context, source = find_context(Fields(**config), Fields(model_max_length=limit))
    assert (context, source.split()[0]) == expected


KINDS = {
    "bloom": {"n_head": 2, "n_layer": 2},
    "mamba": {"state_size": 8, "num_hidden_layers": 2},
    "mamba2": {"num_heads": 4, "head_dim": 16, "n_groups": 1, "state_size": 8},
    "recurrent_gemma": {
        "intermediate_size": 64,
        "num_attention_heads": 2,
        "lru_width": 32,
        "attention_window_size": 16,
    },
    "xlnet": {"d_model": 32, "n_layer": 2, "n_head": 2, "d_inner": 64},
}


@pytest.mark.parametrize("kind", list(KINDS))
def test_a_model_without_a_limit_is_loaded(tmp_path, kind):
    size = {"hidden_size": 32} if kind != "xlnet" else {}
    layers = {"num_hidden_layers": 3 if kind == "recurrent_gemma" else 2}
    layers = layers if kind in ("mamba2", "recurrent_gemma") else {}
    config = AutoConfig.for_model(kind, vocab_size=264, **KINDS[kind], **size, **layers)
    save_tiny(tmp_path, model=AutoModelForCausalLM.from_config(config))
    loaded = load_folder(tmp_path, torch.float32)
    assert loaded.subject.context_tokens is None
    assert loaded.window(1 << 20) == 1 << 20
    assert loaded.subject.vocabulary == 264


def test_a_start_token_outside_the_embedding_does_not_exist(folder):
    tokenizer = byte_tokenizer()
    tokenizer.add_special_tokens({"bos_token": "<another>"})
    tokenizer.add_tokens([f"<{k}>" for k in range(8)])
    tokenizer.add_special_tokens({"bos_token": "<last>"})
    tokenizer.save_pretrained(folder)
    loaded = load_folder(folder, torch.float32)
    modes = [candidate.mode for candidate in list_candidates(loaded, 16, "here")]
    assert modes == ["none", "eos", "eos-every-window"]


def test_the_revision_of_a_folder_covers_configuration_and_tokenizer(folder):
    revision = hash_folder(folder)
    (folder / "README.md").write_text("not loaded")
    assert hash_folder(folder) == revision
    for file in ("config.json", "tokenizer.json", "tokenizer_config.json"):
        before = (folder / file).read_bytes()
        (folder / file).write_bytes(before + b"\n")
        assert hash_folder(folder) != revision
        assert weights_part(hash_folder(folder)) == weights_part(revision)
        (folder / file).write_bytes(before)
    (folder / "chat_template.jinja").write_text("{{ messages }}")
    assert hash_folder(folder) != revision


def test_a_revision_of_the_weights_alone_is_history(folder):
    revision = hash_folder(folder)
    check_revision(revision, revision, "weights/A")
    with pytest.raises(MeasureError) as failure:
        check_revision(revision, weights_part(revision), "weights/A")
    assert failure.value.message == (
        f"weights/A: the revision {weights_part(revision)} covers no configuration and no "
        f"tokenizer; write {revision} into the model file"
    )
