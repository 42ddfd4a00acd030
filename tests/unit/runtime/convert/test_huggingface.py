from __future__ import annotations

import json

import pytest

from infercost.domain.errors import ModelError
from infercost.runtime.convert import open_model
from infercost.runtime.inspect import inspect


@pytest.fixture
def folder(tmp_path, nets):
    """A repository as the Hub has it: configuration, tokenizer, and the ONNX in a folder of its own."""
    home = tmp_path / "tiny-bert"
    (home / "onnx").mkdir(parents=True)
    (home / "config.json").write_text(json.dumps({"model_type": "bert", "vocab_size": 50, "max_position_embeddings": 128}))
    (home / "tokenizer_config.json").write_text(json.dumps({"model_max_length": 96}))
    words = {"model": {"vocab": {"a": 0, "b": 30}}, "added_tokens": [{"id": 41, "content": "[X]"}]}
    (home / "tokenizer.json").write_text(json.dumps(words))
    (home / "onnx" / "model.onnx").write_bytes(nets.tokens(50).SerializeToString())
    return home


def test_the_tokenizer_says_which_ids_and_how_many(folder, in_process) -> None:
    with open_model(folder) as opened:
        assert (opened.name, opened.vocabulary, opened.longest) == ("tiny-bert", 42, 96)
        assert opened.conversion is None
        facts = opened.complete(inspect(opened.path, vocabulary=opened.vocabulary))
    assert facts.name == "tiny-bert"
    assert facts.format == "onnx"
    assert facts.inputs[0].values == "integers:0:41"


def test_without_a_tokenizer_the_configuration_counts(folder) -> None:
    (folder / "tokenizer.json").unlink()
    (folder / "tokenizer_config.json").write_text(json.dumps({"model_max_length": 1e30}))
    with open_model(folder) as opened:
        assert (opened.vocabulary, opened.longest) == (50, 128)


def test_a_unigram_vocabulary_is_a_list(folder) -> None:
    (folder / "tokenizer.json").write_text(json.dumps({"model": {"vocab": [["a", 0.0], ["b", -1.0], ["c", -2.0]]}}))
    with open_model(folder) as opened:
        assert opened.vocabulary == 3


def test_the_plain_model_is_taken_and_the_others_are_named(folder, nets) -> None:
    (folder / "onnx" / "model_int8.onnx").write_bytes(nets.tokens(50).SerializeToString())
    with open_model(folder) as opened:
        assert opened.path.name == "model.onnx"
        assert "onnx/model_int8.onnx" in opened.notes[0]


def test_a_single_file_of_another_name_will_do_and_several_are_a_question(folder, nets) -> None:
    (folder / "onnx" / "model.onnx").rename(folder / "encoder.onnx")
    with open_model(folder) as opened:
        assert opened.path.name == "encoder.onnx"
    (folder / "decoder.onnx").write_bytes(nets.tokens(50).SerializeToString())
    with pytest.raises(ModelError, match=r"several ONNX files \(decoder.onnx, encoder.onnx\)"), open_model(folder):
        pass


def test_weights_alone_are_told_how_to_be_exported(folder) -> None:
    (folder / "onnx" / "model.onnx").unlink()
    with pytest.raises(ModelError, match="download the whole repository"), open_model(folder):
        pass
    (folder / "model.safetensors").write_bytes(b"")
    with pytest.raises(ModelError, match=r"optimum-cli export onnx --model .*tiny-bert"), open_model(folder):
        pass


def test_a_broken_configuration_is_named(folder) -> None:
    (folder / "tokenizer_config.json").write_text("{")
    with pytest.raises(ModelError, match=r"tokenizer_config.json is not readable JSON"), open_model(folder):
        pass
