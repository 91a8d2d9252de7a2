"""Foreign weights are matched by name, prefix or shape; pickles never run."""

from __future__ import annotations

import os
import pickle
import zipfile

import pytest
import torch
from untrained import networks_of

from ganstyle.data.tensors import write_tensors
from ganstyle.engine.conversion import Wanted, convert_model, foreign_tensors, is_pickle, matched
from ganstyle.engine.model import load_model
from ganstyle.errors import ModelError, UsageError
from ganstyle.registry import default_registry

SETS = ("arch.base_channels=4", "arch.z_dim=8")


class Evil:
    """Unpickling it makes a folder."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


@pytest.fixture
def state():
    return networks_of()[2]["generator"].state_dict()


def test_weights_come_back_from_a_pt_file_under_their_names(tmp_path, state):
    torch.save({"epoch": 3, "g_ema": state, "note": "x"}, tmp_path / "a.pt")
    told = []
    found = foreign_tensors(tmp_path / "a.pt", trust_pickle=True, tell=told.append)
    assert set(found) == {f"g_ema.{name}" for name in state}
    assert all(torch.equal(found[f"g_ema.{name}"], value) for name, value in state.items())
    assert "torch._utils _rebuild_tensor_v2" in told[0]


def test_a_pickle_is_not_read_unless_it_is_trusted(tmp_path, state):
    torch.save(state, tmp_path / "a.pt")
    with pytest.raises(UsageError, match="can hold programs") as caught:
        foreign_tensors(tmp_path / "a.pt")
    assert "--trust-pickle" in caught.value.hint and caught.value.code == 2


def hostile(kind, path, target, state):
    """Write a file that would make a folder or fill the memory if it were believed."""
    if kind == "raw pickle":
        path.write_bytes(pickle.dumps(Evil(target)))
    elif kind == "evil zip":
        torch.save({"weight": torch.zeros(2), "evil": Evil(target)}, path)
    elif kind == "newer protocol":
        torch.save({"evil": Evil(target)}, path, pickle_protocol=4)
    elif kind == "bomb":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("a/data.pkl", b"\0" * (50 << 20))
    elif kind == "no pickle":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("a/readme.txt", "hello")
    else:
        torch.save(state, path)
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize("kind", ["raw pickle", "evil zip", "newer protocol", "bomb", "no pickle", "cut off"])
def test_hostile_files_are_refused_and_never_run(tmp_path, state, kind):
    path, target = tmp_path / "a.pt", tmp_path / "ran"
    hostile(kind, path, target, state)
    with pytest.raises(ModelError, match="nothing in it was run") as caught:
        foreign_tensors(path, trust_pickle=True)
    assert not target.exists() and caught.value.code == 5
    assert "mkdir" in caught.value.message or kind not in ("evil zip", "newer protocol")


def test_safetensors_need_no_trust_and_are_told_by_their_bytes(tmp_path, state):
    path = write_tensors(tmp_path / "a.pt", state)
    assert not is_pickle(path) and set(foreign_tensors(path)) == set(state)


def shapes_of(state):
    return {name: tuple(value.shape) for name, value in state.items()}


def test_a_prefix_is_found_and_rules_rename(state):
    wrapped = {f"module.{name}": value for name, value in state.items()}
    renamed = {name.replace("first.", "fc."): value for name, value in state.items()}
    for tensors, rules in ((wrapped, ()), (renamed, ("fc.=first.",))):
        found = matched(tensors, shapes_of(state), rules=rules)
        assert all(torch.equal(found[name], state[name]) for name in state)
    with pytest.raises(UsageError, match="no rule"):
        matched(state, shapes_of(state), rules=("oops",))


def test_two_networks_that_fit_are_a_question(state):
    both = {f"{prefix}.{name}": value for prefix in ("g", "g_ema") for name, value in state.items()}
    with pytest.raises(ModelError, match=r"g\., g_ema\.") as caught:
        matched(both, shapes_of(state))
    assert "--map g.=" in caught.value.hint
    assert set(matched(both, shapes_of(state), rules=("g_ema.=",))) == set(state)


def test_other_names_are_matched_by_the_order_of_their_shapes(state):
    anonymous = {f"w{index}": value for index, value in enumerate(state.values()) if value.ndim}
    found = matched(anonymous, shapes_of(state))
    assert all(torch.equal(found[name], value) for name, value in state.items() if value.ndim)
    with pytest.raises(ModelError, match="don't fit"):
        matched(dict(reversed(anonymous.items())), shapes_of(state))  # equal shapes in another order: a guess


def test_all_differences_are_told_in_one_message(state):
    tensors = dict(state) | {"extra": torch.zeros(2), "first.weight": torch.zeros(3, 3)}
    del tensors["last.1.bias"]
    with pytest.raises(ModelError) as caught:
        matched(tensors, shapes_of(state))
    for words in ("missing: last.1.bias", "1 not used: extra (2,)", "first.weight is (3, 3), needed (128, 8)"):
        assert words in caught.value.message


def test_a_converted_model_is_the_foreign_network(tmp_path):
    state = networks_of(styles=("ink", "oil"))[2]["generator"].state_dict()
    write_tensors(tmp_path / "a.safetensors", state)
    wanted = Wanted("dcgan", 16, 16, styles=("ink", "oil"), sets=SETS, facts={"licence": "MIT"})
    path = convert_model(
        tmp_path / "a.safetensors", tmp_path / "b.safetensors", wanted=wanted, registry=default_registry()
    )
    model = load_model(path, registry=default_registry())
    assert all(torch.equal(value, state[name]) for name, value in model.networks["generator"].state_dict().items())
    assert (model.card.licence, model.card.styles) == ("MIT", ["ink", "oil"])
