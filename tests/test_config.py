"""Layers to one configuration: what is stronger, what is refused, and an exact round trip."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from ganstyle.api import Architecture, Callback, Dataset, Evaluator, Loss, Options, Regularizer, Task
from ganstyle.config import (
    GROUPS,
    MAX_RECIPE_BYTES,
    Config,
    OptimizerOptions,
    Selection,
    config_from_dict,
    config_to_dict,
    resolve,
    validate,
)
from ganstyle.errors import UsageError
from ganstyle.registry import PluginStatus, Registry


class NetOptions(Options):
    z_dim: Annotated[int, Field(ge=1, description="Latent dimension.")] = 64
    norm: Annotated[str, Field(description="Normalisation.")] = "batch"


class PathOptions(Options):
    path: Annotated[Path, Field(description="Folder or file.")] = Path(".")


class GammaOptions(Options):
    gamma: Annotated[float, Field(ge=0, description="Weight.")] = 10.0
    sides: Annotated[tuple[int, ...], Field(description="Sides.")] = (1, 2)


class NoOptions(Options):
    pass


def net(options: NetOptions, image: Any) -> None: ...
def placed(options: PathOptions, split: str) -> None: ...
def weighted(options: GammaOptions) -> None: ...
def plain(options: NoOptions) -> None: ...


BIG = {"optimizer.lr": 1e-3, "train.batch": 8, "arch.z_dim": 512, "loss": "hinge", "regularizer.r1.gamma": 1}


@pytest.fixture
def registry() -> Registry:
    parts = [Architecture("dcgan", "x", net), Architecture("big", "x", net, recipe=BIG), Task("gan", "x", plain)]
    parts += [Loss(name, "x", plain) for name in ("bce", "hinge")]
    parts += [Dataset(name, "x", placed) for name in ("embedded", "folder", "zip")]
    parts += [Regularizer(name, "x", weighted) for name in ("r1", "r2")]
    parts += [Evaluator(name, "x", weighted) for name in ("fid", "ssim")] + [Callback("log", "x", plain)]
    found = Registry()
    found.add(PluginStatus("fake:main", "main", "fake", "1.0", components=tuple(parts)))
    return found


def names(selections: tuple[Selection, ...]) -> list[str]:
    return [selection.name for selection in selections]


def test_without_any_layer_a_dcgan_learns_the_embedded_paintings(registry):
    config = resolve(registry)
    assert config == Config()
    assert (config.arch.name, config.loss.name, config.task.name, config.data.name) == (
        "dcgan",
        "bce",
        "gan",
        "embedded",
    )
    assert (config.train.batch, config.train.resolution, config.optimizer.lr) == (32, 64, 2e-4)


def test_each_layer_is_stronger_than_the_one_before(registry):
    recipe = {"train": {"batch": 16, "seed": 1, "keep": 4}, "optimizer": {"eps": 1e-6}}
    flags = {"arch": "big", "train.seed": 2, "train.keep": 5}
    config = resolve(registry, recipe=recipe, flags=flags, sets=["train.keep=6"])
    assert config.optimizer.lr == 1e-3  # the architecture's recipe over the default
    assert config.train.batch == 16  # the recipe over the architecture's
    assert (config.train.seed, config.train.keep) == (2, 6)  # flags over the recipe, --set over flags
    assert config.optimizer.eps == 1e-6


@pytest.mark.parametrize("layer", [{"recipe": {"arch": "big"}}, {"flags": {"arch": "big"}}, {"sets": ["arch=big"]}])
def test_any_layer_may_name_the_architecture_whose_recipe_counts(registry, layer):
    config = resolve(registry, **layer)
    assert (config.arch.options, config.loss.name, config.train.batch) == ({"z_dim": 512}, "hinge", 8)
    assert config.regularizer == (Selection("r1", {"gamma": 1}),)


def test_naming_another_component_drops_the_weaker_options(registry):
    recipe = {"arch": {"name": "dcgan", "z_dim": 7, "norm": "none"}}
    assert resolve(registry, recipe=recipe, flags={"arch": "dcgan"}).arch.options == {"z_dim": 7, "norm": "none"}
    assert resolve(registry, recipe=recipe, flags={"arch": "big"}).arch.options == {"z_dim": 512}


def test_a_name_and_its_options_may_come_in_any_order(registry):
    config = resolve(registry, sets=["arch.z_dim=3", "data.path=x", "arch=big", "data=zip"])
    assert config.arch == Selection("big", {"z_dim": 3})
    assert config.data == Selection("zip", {"path": "x"})


def test_a_flag_that_is_none_was_not_given(registry):
    flags = {"arch": None, "metric": None, "train.batch": None}
    assert resolve(registry, recipe={"arch": "big", "metric": ["fid"]}, flags=flags).metric == (Selection("fid"),)


@pytest.mark.parametrize(
    "value", ["fid,ssim", "fid, ssim,", ["fid", "ssim"], ["fid,ssim", "fid"], {"fid": {}, "ssim": {}}]
)
def test_lists_of_components_have_several_spellings(registry, value):
    assert names(resolve(registry, flags={"metric": value}).metric) == ["fid", "ssim"]


@pytest.mark.parametrize("value", ["none", "", [], {}])
def test_a_list_of_components_can_be_cleared(registry, value):
    assert resolve(registry, recipe={"arch": "big"}, flags={"regularizer": value}).regularizer == ()


def test_a_set_none_clears_a_list_and_an_optional_value(registry):
    config = resolve(
        registry, recipe={"arch": "big", "train": {"width": 32}}, sets=["regularizer=none", "train.width=none"]
    )
    assert (config.regularizer, config.train.width) == ((), None)


def test_a_recipe_replaces_the_architectures_list_and_a_dotted_key_adds_to_it(registry):
    replaced = resolve(registry, recipe={"arch": "big", "regularizer": {"r2": {"gamma": 5}}})
    assert replaced.regularizer == (Selection("r2", {"gamma": 5}),)
    added = resolve(registry, flags={"arch": "big"}, sets=["regularizer.r2.gamma=5"])
    assert added.regularizer == (Selection("r1", {"gamma": 1}), Selection("r2", {"gamma": 5}))


def test_a_list_that_names_a_component_again_keeps_its_options(registry):
    config = resolve(registry, recipe={"metric": {"fid": {"gamma": 2}}}, flags={"metric": "ssim,fid"})
    assert config.metric == (Selection("ssim"), Selection("fid", {"gamma": 2}))


def test_set_takes_lists_numbers_booleans_and_text(registry):
    sets = [
        "optimizer.betas=[0, 0.99]",
        "optimizer.lr=1",
        "preprocess.flip=false",
        "train.device=cuda:1",
        "arch.norm=a=b",
    ]
    config = resolve(registry, sets=sets)
    assert (config.optimizer.betas, config.optimizer.lr) == ((0.0, 0.99), 1.0)
    assert (config.preprocess.flip, config.train.device, config.arch.options["norm"]) == (False, "cuda:1", "a=b")


def test_a_path_as_data_is_a_folder_or_a_zip(registry, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cats").mkdir()
    (tmp_path / "zip").mkdir()
    expected = {
        "cats": ("folder", "cats"),
        "no/such/folder": ("folder", "no/such/folder"),
        "pictures/cats.ZIP": ("zip", "pictures/cats.ZIP"),
        "~/cats": ("folder", str(Path.home() / "cats")),
    }
    for text, (name, path) in expected.items():
        assert resolve(registry, flags={"data": text}).data == Selection(name, {"path": path})
    assert resolve(registry, flags={"data": "zip"}).data == Selection("zip")  # a component's name wins


REFUSED = {
    "section": (["trian.batch=3"], "there is no section 'trian'; did you mean 'train'"),
    "group key": (["train.bacth=3"], "train has no option 'bacth'; did you mean 'batch'"),
    "component": (["loss=bec"], "unknown loss 'bec'; did you mean 'bce'"),
    "metric": (["metric=fdi"], "unknown metric 'fdi'; did you mean 'fid'"),
    "name key": (["regularizer.r3.gamma=1"], "unknown regularizer 'r3'; known: r1, r2"),
    "path-less data": (["data=embeded"], "unknown data 'embeded'; did you mean 'embedded'"),
    "no equals sign": (["train.batch"], "--set train.batch: expected KEY=VALUE"),
    "empty part": (["train..batch=3"], "'train..batch' is no key"),
    "too deep": (["arch.a.b=3"], "there is no key 'arch.a.b'"),
    "deeper": (["metric.fid.a.b=3"], "there is no key 'metric.fid.a.b'"),
    "group too deep": (["train.a.b=3"], "there is no key 'train.a.b'"),
    "not finite": (["optimizer.lr=nan"], "optimizer.lr: Input should be a finite number"),
    "infinite": (["optimizer.clip_norm=inf"], "optimizer.clip_norm: Input should be a finite number"),
    "overflow": (["optimizer.lr=1e999"], "optimizer.lr: Input should be a finite number"),
    "boolean as number": (["optimizer.lr=true"], "optimizer.lr: Input should be a valid number"),
    "number as boolean": (["preprocess.flip=1"], "preprocess.flip: Input should be a valid boolean"),
    "text as number": (["train.batch=many"], "train.batch: Input should be a valid integer, found 'many'"),
    "fraction": (["train.batch=2.5"], "train.batch: Input should be a valid integer, found 2.5"),
    "range": (["optimizer.betas=[0.5, 1.0]"], "optimizer.betas.1: Input should be less than 1"),
    "choice": (["preprocess.crop=left"], "preprocess.crop: Input should be 'random', 'center' or 'none'"),
    "device": (["train.device=gpu"], "train.device: String should match pattern"),
    "group as value": (["train=3"], "train: expected options, found 3"),
    "name as number": (["arch=3"], "arch: expected a name, found 3"),
    "list as number": (["metric=3"], "metric: expected names, found 3"),
    "long digits": (["train.images=" + "9" * 5000], "train.images: Input should be a valid integer"),
    "micro batch": (["train.micro_batch=33"], "train.micro_batch 33 is larger than train.batch 32"),
    "scale": (["preprocess.scale=[1.0, 0.5]"], "preprocess.scale goes from 1.0 down to 0.5"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_bad_set_says_what_was_wrong_and_what_is_right(registry, case):
    sets, message = REFUSED[case]
    with pytest.raises(UsageError) as caught:
        resolve(registry, sets=sets)
    assert message in caught.value.message and len(caught.value.message) < 400
    assert caught.value.where and caught.value.hint


def test_text_that_looks_like_a_number_can_be_quoted(registry):
    with pytest.raises(UsageError) as caught:
        validate(resolve(registry, sets=["arch.norm=2024"]), registry)
    assert caught.value.hint == "--set arch.norm='\"2024\"'"
    assert resolve(registry, sets=['arch.norm="2024"']).arch.options == {"norm": "2024"}


def test_a_recipe_file_is_toml(registry, tmp_path):
    path = tmp_path / "recipe.toml"
    path.write_text(
        'metric = ["fid"]\n[arch]\nname = "big"\nz_dim = 128\n[train]\nbatch = 4\n[regularizer.r1]\ngamma = 3\n'
    )
    config = resolve(registry, recipe=path)
    assert (config.arch, config.train.batch) == (Selection("big", {"z_dim": 128}), 4)
    assert (config.metric, config.regularizer) == ((Selection("fid"),), (Selection("r1", {"gamma": 3}),))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("r.toml", b"x" * (MAX_RECIPE_BYTES + 1), "larger than 1,000,000 bytes"),
        ("r.toml", b"a = " + b"[" * 100_000, "nested too deeply"),
        ("r.json", b"[" * 100_000, "nested too deeply"),
        ("r.toml", b"batch = = 3", "the recipe is not valid"),
        ("r.toml", b"\xff\xfe", "the recipe is not valid"),
        ("r.json", b"[]", "the recipe is no table"),
        ("r.toml", b"[optimizer]\nlr = nan", "optimizer.lr: Input should be a finite number"),
        ("r.toml", b"[train]\nseed = 1979-05-27", "train.seed: Input should be a valid integer"),
        ("r.toml", b"batch = 3", "there is no section 'batch'"),
    ],
)
def test_a_bad_recipe_file_is_a_usage_error(registry, tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UsageError) as caught:
        resolve(registry, recipe=tmp_path / name)
    assert message in caught.value.message


@pytest.mark.parametrize("name", ["missing.toml", "folder"])
def test_a_recipe_that_is_no_file_is_named(registry, tmp_path, name):
    (tmp_path / "folder").mkdir()
    with pytest.raises(UsageError, match="there is no recipe") as caught:
        resolve(registry, recipe=tmp_path / name)
    assert caught.value.where == str(tmp_path / name)


def test_validate_fills_in_every_option_and_checks_those_of_components(registry):
    config = validate(resolve(registry, sets=["arch.z_dim=3", "metric=fid"]), registry)
    assert config.arch.options == {"z_dim": 3, "norm": "batch"}
    assert config.metric == (Selection("fid", {"gamma": 10.0, "sides": [1, 2]}),)
    with pytest.raises(UsageError, match=r"metric.fid has no option 'gama'; did you mean 'gamma'"):
        validate(resolve(registry, sets=["metric.fid.gama=3"]), registry)


def test_the_resolved_configuration_survives_json_exactly(registry):
    sets = ["data=folder", "data.path=/a/ü", "regularizer.r1.gamma=0.1", "metric=ssim,fid", "optimizer.lr=1e-7"]
    config = validate(resolve(registry, sets=sets), registry)
    document = config_to_dict(config, registry)
    assert config_from_dict(registry, json.loads(json.dumps(document))) == config
    assert resolve(registry, recipe=document) == config
    assert set(document["train"]) == set(GROUPS["train"].model_fields)


def test_a_runs_configuration_is_a_recipe_that_does_not_fall_back_to_the_architectures(registry, tmp_path):
    config = validate(resolve(registry, flags={"arch": "big", "regularizer": "none", "loss": "bce"}), registry)
    (tmp_path / "config.json").write_text(json.dumps(config_to_dict(config, registry)))
    assert resolve(registry, recipe=tmp_path / "config.json") == config


@given(lr=st.floats(min_value=0, exclude_min=True, allow_infinity=False), betas=st.tuples(*[st.floats(0, 0.999)] * 2))
def test_every_float_survives_json(lr, betas):
    options = OptimizerOptions(lr=lr, betas=betas)
    again = OptimizerOptions.model_validate_json(json.dumps(options.model_dump(mode="json")))
    assert again == options and math.copysign(1, again.lr) == 1


HOSTILE = [
    {"arch": "os.system"},
    {"arch": {"name": "dcgan", "target": "os:system"}},
    {"arch": {"name": ["dcgan"]}},
    {"train": [1, 2]},
    {"metric": {"fid": 3}},
    {"": 1},
    {"schema": 1},
    {"optimizer": {"lr": float("nan")}},
    {"train": {"images": 10**400}},
]


@pytest.mark.parametrize("mapping", HOSTILE)
def test_an_untrusted_configuration_is_refused(registry, mapping):
    with pytest.raises(UsageError):
        config_from_dict(registry, mapping)


def test_values_nested_beyond_measure_are_refused(registry):
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(UsageError, match="not a plain value"):
        config_from_dict(registry, {"arch": {"name": "dcgan", "z_dim": deep}})


def test_every_plain_option_is_described():
    undescribed = [
        f"{group}.{name}"
        for group, model in GROUPS.items()
        for name, f in model.model_fields.items()
        if not f.description
    ]
    assert undescribed == []


def test_importing_config_imports_no_torch():
    code = "import sys, ganstyle.config; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
