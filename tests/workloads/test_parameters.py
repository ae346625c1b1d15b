"""Parameter counts: published totals, from the shipped YAML and from the public config.json."""

import json
from pathlib import Path

import pytest

from lockstep.workloads.counts import active_parameters, parameters
from lockstep.workloads.model import load_model, shipped_models

HERE = Path(__file__).parent

# Elements of the parameters of transformers 5.23.0, built from hf/*.json on torch's meta device;
# DeepSeek-V3 with its 58 x 256 score corrections, which transformers keeps as buffers.
TOTALS = {
    "bert-base": 109_482_240,
    "deepseek-v2-lite": 15_706_484_224,
    "deepseek-v3": 671_026_419_200,
    "gpt2": 124_439_808,
    "gpt2-xl": 1_557_611_200,
    "llama-2-70b": 68_976_648_192,
    "llama-2-7b": 6_738_415_616,
    "llama-3-70b": 70_553_706_496,
    "llama-3-8b": 8_030_261_248,
    "llama-3.1-405b": 405_853_388_800,
    "llama-3.2-1b": 1_235_814_400,
    "llama-7b": 6_738_415_616,
    "mistral-7b": 7_241_732_096,
    "mixtral-8x7b": 46_702_792_704,
    "opt-125m": 125_239_296,
    "opt-350m": 331_196_416,
    "opt-66b": 65_719_701_504,
    "qwen2-7b": 7_615_616_512,
    "qwen2.5-72b": 72_706_203_648,
    "qwen3-0.6b": 596_049_920,
    "qwen3-30b-a3b": 30_532_122_624,
    "qwen3-8b": 8_190_735_360,
    "vit-b-16": 86_567_656,
}
# Models that their authors describe without a config.json: parameters as stated, to 1 %.
STATED = {
    "glam-143b": 143e9,  # GLaM, arXiv 2112.06905, table 4
    "grok-1": 314e9,  # github.com/xai-org/grok-1, README
}
VARIANTS = json.loads((HERE / "variants.json").read_text())


def test_every_shipped_model_has_a_published_total():
    assert shipped_models() == sorted(TOTALS | STATED)
    assert {path.stem for path in (HERE / "hf").glob("*.json")} == set(TOTALS)


@pytest.mark.parametrize("name", TOTALS)
def test_shipped_model_has_the_published_parameters(name):
    assert parameters(load_model(name)) == TOTALS[name]


@pytest.mark.parametrize("name", STATED)
def test_shipped_model_has_the_stated_parameters(name):
    assert parameters(load_model(name)) == pytest.approx(STATED[name], rel=0.01)


@pytest.mark.parametrize("name", TOTALS)
def test_public_config_imports_as_the_shipped_model(name):
    imported = load_model(str(HERE / "hf" / f"{name}.json"))
    assert parameters(imported) == TOTALS[name]
    assert imported == load_model(name).model_copy(update={"source": imported.source})


# Small models with random sizes, options and absent keys; totals from transformers as above.
@pytest.mark.parametrize("variant", VARIANTS, ids=lambda v: v["config"]["model_type"])
def test_variant_has_the_parameters_of_transformers(variant, tmp_path):
    path = tmp_path / "config.json"
    path.write_text(json.dumps(variant["config"]))
    assert parameters(load_model(str(path))) == variant["parameters"]


@pytest.mark.parametrize(
    ("name", "billions"),
    [
        ("mixtral-8x7b", 12.9),  # mistral.ai, 'Mixtral of experts': 12.9B parameters per token
        ("deepseek-v3", 37),  # arXiv 2412.19437: 37B activated for each token
        ("qwen3-30b-a3b", 3.3),  # model card: 3.3B activated
    ],
)
def test_active_parameters_are_the_published_ones(name, billions):
    assert active_parameters(load_model(name)) / 1e9 == pytest.approx(billions, rel=0.02)


def test_active_parameters_drop_only_routed_experts():
    model = load_model("mixtral-8x7b")
    unvisited = 32 * (8 - 2) * 3 * 4096 * 14336
    assert active_parameters(model) == parameters(model) - unvisited
