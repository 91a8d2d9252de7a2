"""Models that translate: found, refused, applied to pictures of any size without seams."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from tiny_translator import write_translator
from untrained import write_run

from ganstyle.data.reading import Picture
from ganstyle.errors import ModelError, UsageError
from ganstyle.style import tiling
from ganstyle.style.batch import distinct
from ganstyle.style.tiling import Tiling, paint
from ganstyle.style.transfer import TransferOptions, apply_style, apply_styles, transfer
from ganstyle.style.translation import check_asked, directions_of, translating_brush, translation_of


@pytest.fixture(scope="module")
def picture():
    rough = np.random.default_rng(3).integers(0, 256, (13, 18, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(rough).resize((301, 221), Image.Resampling.BILINEAR))


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Return a translation by architecture, loaded."""
    folder, made = tmp_path_factory.mktemp("models"), {}
    for arch, styles in (("cut", ("photos", "Mon et")), ("cyclegan", ("photos", "monet")), ("multistyle", "abc")):
        found = translation_of(write_translator(folder / arch, arch, styles=styles))
        made[arch] = found, found.load("cpu")
    return made


def difference(first, second):
    return np.abs(first.astype(int) - second.astype(int))


def made_by(models, arch, picture, *wanted, direction=None, **options):
    translation, base = models[arch]
    style = translation.styles(wanted, base, direction=direction)[0]
    how = {"base": base, "options": TransferOptions(**({"stroke_size": 1.0} | options))}
    return apply_styles(Picture(picture), [style], brush=translating_brush(base), **how).rgb


@pytest.mark.parametrize("arch", ["cut", "multistyle"])
@pytest.mark.parametrize("side", [64, 136])
def test_tiles_equal_the_untiled_picture(models, picture, arch, side):
    translation, base = models[arch]
    code = translation.styles(["b"] if arch == "multistyle" else [], base)[0].code
    whole, tiled = paint(base, picture, code), paint(base, picture, code, tiling=Tiling(side))
    assert difference(whole, tiled).max() <= 2
    assert difference(whole, picture).mean() > 5  # something was changed


def test_without_a_halo_there_would_be_seams(models, picture):
    base, code = models["cut"][1], np.zeros(1, np.float32)
    seams = difference(paint(base, picture, code, tiling=Tiling(64, halo=0)), paint(base, picture, code))
    assert seams.max() > 2


def test_large_pictures_are_measured_once_from_a_thumbnail(models, picture, monkeypatch):
    monkeypatch.setattr(tiling, "WHOLE_PIXELS", 30_000)  # so that this picture is a large one
    base, code = models["cut"][1], np.zeros(1, np.float32)
    first, second = (paint(base, picture, code, tiling=Tiling(side)) for side in (320, 96))
    assert difference(first, second).max() <= 2


@pytest.mark.parametrize(("height", "width"), [(1, 1), (9, 200), (64, 65)])
def test_every_size_and_shape_is_kept(models, height, width):
    small = np.full((height, width, 3), 100, np.uint8)
    assert made_by(models, "cut", small).shape == (height, width, 3)


def test_directions_have_the_names_of_their_sides(models, picture):
    translation, base = models["cyclegan"]
    assert directions_of(base) == ("a2b", "b2a")
    named = [translation.styles([], base, direction=name)[0].name for name in (None, "a2b", "b2a")]
    assert named == ["monet", "monet", "photos"]
    there, back = (made_by(models, "cyclegan", picture, direction=name) for name in ("a2b", "b2a"))
    assert difference(there, back).mean() > 1


def test_names_of_sides_become_names_of_files(models):
    translation, base = models["cut"]
    assert translation.styles([], base)[0].name == "mon_et"


def test_a_wrong_direction_says_which_there_are(models):
    translation, base = models["cut"]
    with pytest.raises(UsageError, match="has no direction 'b2a'") as caught:
        translation.styles([], base, direction="b2a")
    assert caught.value.hint.startswith("--direction a2b; both: ganstyle train --arch cyclegan")


def test_strength_is_the_share_of_the_way(models, picture):
    whole = made_by(models, "cut", picture).astype(float)
    for strength in (0.6, 0.25, 0.1):
        found = made_by(models, "cut", picture, strength=strength)
        assert np.abs(found - (picture + strength * (whole - picture))).max() <= 2
    assert np.array_equal(made_by(models, "cut", picture, strength=0.0), picture)


def test_colours_can_be_kept(models, picture):
    kept = made_by(models, "cut", picture, preserve_color="luma")
    changed = made_by(models, "cut", picture)
    chroma = [image.astype(float) - image.mean(2, keepdims=True) for image in (picture, kept, changed)]
    assert np.abs(chroma[1] - chroma[0]).mean() < 0.7 * np.abs(chroma[2] - chroma[0]).mean()


def test_domains_are_known_by_name_picture_and_mixture(models, picture, tmp_path):
    translation, base = models["multistyle"]
    Image.fromarray(picture).save(tmp_path / "Red Boat.png")
    wanted = ["a", str(tmp_path / "Red Boat.png"), "a:0.25,c:0.75"]
    assert translation.check(wanted, None) == wanted
    named, read, mixed = translation.styles(wanted, base)
    assert [style.name for style in (named, read, mixed)] == ["a", "red_boat", "a25-c75"]
    other = translation.styles(["c"], base)[0]
    assert np.allclose(mixed.code, 0.25 * named.code + 0.75 * other.code, atol=1e-6)
    assert read.code.shape == named.code.shape == (6,)


def test_drawn_styles_follow_the_seed_and_variations_differ(models, picture):
    translation, base = models["multistyle"]
    first, again, other = (translation.styles(["b"], base, seed=seed)[0] for seed in (0, 0, 5))
    assert np.array_equal(first.code, again.code)
    assert not np.array_equal(first.code, other.code)
    painted = [made_by(models, "multistyle", picture[:64, :64], "b", variation=number) for number in (1, 2)]
    assert difference(*painted).max() > 0
    assert [style.name for style in distinct([first, other])] == ["b", "b-2"]


def test_an_unknown_domain_and_none_at_all_are_refused(models):
    translation = models["multistyle"][0]
    with pytest.raises(UsageError, match="which of a, b, c"):
        translation.check([], None)
    assert translation.check([], None, sheet=True) == ["a", "b", "c"]
    for text in ("monet", "a:0.5,monet:0.5"):
        with pytest.raises(UsageError, match="knows no style 'monet'") as caught:
            translation.check([text], None)
        assert caught.value.hint == "it knows a, b, c, and any picture"
    with pytest.raises(UsageError, match="goes by --style, not by --direction"):
        translation.check(["a"], "b2a")


def test_a_style_is_refused_where_there_is_one_way_only(models):
    with pytest.raises(UsageError, match="translates to one kind of picture and knows no style 'monet'"):
        models["cyclegan"][0].check(["monet"], None)
    assert models["cyclegan"][0].check([], "b2a") == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"method": "optimise"}, "a translation has one method"),
        ({"strengths": [0.5, 1.2]}, "strength 1.2"),
        ({"variations": 2}, "no variations"),
    ],
)
def test_what_a_translation_cannot_follow_is_refused(change, message):
    asked = {"method": "fast", "strengths": [0.5, 1.0], "variations": 1, "has_domains": False}
    check_asked(**asked)
    check_asked(**(asked | {"variations": 3, "has_domains": True}))
    with pytest.raises(UsageError, match=message):
        check_asked(**(asked | change))


def test_other_models_are_no_translations(tmp_path):
    assert translation_of(None) is None
    assert translation_of(write_run(tmp_path / "gan")) is None
    with pytest.raises(UsageError, match="no base model 'nowhere'"):
        translation_of("nowhere")


def test_a_translator_without_the_contract_is_refused(models, monkeypatch):
    from ganstyle_translation.translators import Translator

    monkeypatch.delattr(Translator, "measure")
    with pytest.raises(ModelError, match="the translator of cut has no measure"):
        models["cut"][0].load("cpu")


def test_one_picture_after_the_other_gives_the_same(models, picture):
    translation, base = models["cut"]
    style, options = translation.styles([], base)[0], TransferOptions(stroke_size=1.0)
    by_brush = made_by(models, "cut", picture)
    assert np.array_equal(by_brush, apply_style(Picture(picture), style, base=base, options=options).rgb)
    assert np.array_equal(by_brush, made_by(models, "cut", picture))


def test_looking_at_a_model_imports_no_torch(tmp_path):
    run = write_translator(tmp_path / "cut")
    program = (
        "import sys; from ganstyle.style.translation import translation_of\n"
        f"assert translation_of({str(run)!r}) is not None\n"
        "assert 'torch' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stderr.splitlines()[-1:] == []


def test_the_python_interface_translates_without_a_style(tmp_path, picture):
    run = write_translator(tmp_path / "both", "cyclegan")
    there, back = (transfer(picture, model=run, direction=name, device="cpu") for name in (None, "b2a"))
    assert there.size == back.size == (301, 221)
    assert difference(np.asarray(there), np.asarray(back)).mean() > 1
    with pytest.raises(UsageError, match=r"strength 1\.5"):
        transfer(picture, model=run, strength=1.5)


def test_the_python_interface_takes_domains_and_paths(tmp_path, picture):
    run = write_translator(tmp_path / "many", "multistyle", styles=("a", "b"))
    Image.fromarray(picture).save(tmp_path / "ref.png")
    made = [transfer(picture, style, model=run, device="cpu") for style in ("a", tmp_path / "ref.png")]
    assert difference(*map(np.asarray, made)).max() > 0
    with pytest.raises(UsageError, match="given by its path, found a Image"):
        transfer(picture, Image.fromarray(picture), model=run)


def test_a_style_is_needed_where_the_model_paints_and_a_direction_is_none(picture):
    with pytest.raises(UsageError, match="no style is given"):
        transfer(picture)
    with pytest.raises(UsageError, match="a direction is for models that translate"):
        transfer(picture, "monet", direction="a2b")
