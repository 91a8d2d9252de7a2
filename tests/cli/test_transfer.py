"""`ganstyle transfer` from the command line: folders, names, marks, pipes, exit codes."""

from __future__ import annotations

import errno
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageCms
from tiny_painter import Painter, gradient, noise

from ganstyle.data.provenance import read_marks


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cwd").mkdir()
    monkeypatch.chdir(tmp_path / "cwd")


def put(path: str, **settings: object) -> Path:
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    gradient().save(target, **settings)
    return target


def written(folder: str = "stylized") -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in Path(folder).rglob("*") if path.is_file())


def mean_of(path: Path | str) -> list[float]:
    return list(np.asarray(Image.open(path).convert("RGB"), dtype=float).mean((0, 1)))


def test_a_photograph_becomes_a_painting(painter: Painter, run_cli) -> None:
    done = run_cli("transfer", put("photo.jpg"), "--style", "sunset")
    assert (done.code, written()) == (0, ["photo-sunset.jpg"])
    assert mean_of("stylized/photo-sunset.jpg") == pytest.approx([200, 90, 40], abs=2.5)


def test_each_style_makes_one_output(painter: Painter, run_cli) -> None:
    Image.fromarray(noise((90, 180, 60)).permute(1, 2, 0).numpy()).save("Leaf.png")
    styles = ("sunset", "sunset:0.5,night:0.5", "Leaf.png")
    done = run_cli("transfer", put("p.png"), *(word for style in styles for word in ("--style", style)))
    assert (done.code, written()) == (0, ["p-leaf.png", "p-sunset.png", "p-sunset50-night50.png"])
    assert mean_of("stylized/p-sunset50-night50.png") == pytest.approx([110, 65, 80], abs=2)


def test_strength_zero_writes_the_photograph(painter: Painter, run_cli) -> None:
    assert run_cli("transfer", put("p.png"), "--style", "sunset", "--strength", 0).code == 0
    assert np.array_equal(np.asarray(Image.open("stylized/p-sunset.png")), np.asarray(gradient()))


def test_without_a_style_the_default_is_named(painter: Painter, run_cli) -> None:
    done = run_cli("transfer", put("p.png"))
    assert (done.code, written()) == (0, ["p-night.png"])
    assert "no --style given: using night" in done.err


def test_a_folder_keeps_its_tree_and_a_rerun_skips_what_exists(painter: Painter, run_cli) -> None:
    put("in/a.jpg"), put("in/trip/b.png")
    first = run_cli("transfer", "in", "-s", "sunset", "--out", "out", "--json")
    assert written("out") == ["a-sunset.jpg", "trip/b-sunset.png"]
    again = run_cli("transfer", "in", "-s", "sunset", "--out", "out", "--skip-existing", "--json")
    assert [json.loads(done.out)[key] for done, key in ((first, "done"), (again, "skipped"))] == [2, 2]


def test_bad_files_are_named_and_the_rest_is_painted(painter: Painter, run_cli) -> None:
    put("zoo/good.png")
    Path("zoo/empty.jpg").write_bytes(b"")
    Path("zoo/page.png").write_text("<html></html>")
    done = run_cli("transfer", "zoo", "-s", "sunset")
    assert (done.code, written()) == (3, ["good-sunset.png"])
    assert "empty.jpg" in done.err
    assert "HTML" in done.err
    assert "1 done, 2 failed" in done.out


def test_nothing_usable_is_exit_4(painter: Painter, run_cli) -> None:
    Path("empty").mkdir()
    Path("bad.jpg").write_bytes(b"\xff\xd8\xff")
    for photo in ("empty", "bad.jpg", "missing.jpg"):
        done = run_cli("transfer", photo, "-s", "sunset")
        assert (done.code, done.out) == (4, "")
        assert done.err.splitlines()[-1].startswith("hint:")
    assert not Path("stylized").exists()


def test_unknown_styles_and_values_are_exit_2_before_any_work(painter: Painter, run_cli) -> None:
    photo = put("p.png")
    for words, text in ((["-s", "sunst"], "did you mean 'sunset'"), (["--strength", "3"], "strength"),
                        (["--preserve-color", "lum"], "luma"), (["--format", "gif"], "format")):  # fmt: skip
        done = run_cli("transfer", photo, "-s", "sunset", *words)
        assert done.code == 2
        assert text in done.err
    assert not Path("stylized").exists()


def test_a_foreign_style_file_is_exit_5(painter: Painter, run_cli) -> None:
    Path("x.style.safetensors").write_bytes(b"\x80\x04 pickle")
    done = run_cli("transfer", put("p.png"), "-s", "x.style.safetensors", "--json")
    assert (done.code, json.loads(done.out)["error"]["kind"]) == (5, "model")


def test_a_dry_run_writes_nothing(painter: Painter, run_cli) -> None:
    put("in/a.jpg"), put("in/b.bmp")
    done = run_cli("transfer", "in", "-s", "sunset", "-s", "night", "--dry-run", "--json")
    jobs = json.loads(done.out)["jobs"]
    assert [Path(job["result"]).name for job in jobs] == [
        "a-sunset.jpg", "a-night.jpg", "b-sunset.png", "b-night.png"
    ]  # fmt: skip
    assert not Path("stylized").exists()


def test_orientation_is_applied_and_no_location_or_owner_is_left(painter: Painter, run_cli) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    exif[ExifTags.Base.Artist] = "Secret Owner"
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSMapDatum] = "SECRET-PLACE"
    photo = put("p.jpg", exif=exif, comment=b"secret comment")
    assert b"SECRET-PLACE" in photo.read_bytes()
    for suffix in ("jpg", "png", "webp"):
        assert run_cli("transfer", photo, "-s", "sunset", "--format", suffix).code == 0
        result = Path(f"stylized/p-sunset.{suffix}")
        assert Image.open(result).size == (80, 120)
        assert not Image.open(result).getexif()
        raw = result.read_bytes().lower()
        assert not [word for word in (b"secret", b"gps", str(Path.cwd()).encode().lower()) if word in raw]


@pytest.mark.parametrize("name", ["p.png", "p.jpg"])
def test_the_colour_profile_is_kept(painter: Painter, run_cli, name: str) -> None:
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    for at in range(132, 132 + 12 * int.from_bytes(profile[128:132], "big"), 12):  # red and blue change places
        tag = bytes(profile[at : at + 4])
        profile[at : at + 4] = {b"rXYZ": b"bXYZ", b"bXYZ": b"rXYZ"}.get(tag, tag)
    put(name, icc_profile=bytes(profile), quality=100)
    for words, colours in ((("--strength", 0), mean_of(name)), (("-s", "sunset"), [40, 90, 200])):
        done = run_cli("transfer", name, "-s", "sunset", "--overwrite", "--max-size", 100, *words)
        result = Image.open(f"stylized/{name.replace('.', '-sunset.')}")
        assert (done.code, result.info["icc_profile"]) == (0, bytes(profile))
        assert mean_of(Path(result.filename)) == pytest.approx(colours, abs=3)


def test_results_carry_their_marks_and_settings(painter: Painter, run_cli) -> None:
    for suffix in ("png", "jpg", "webp"):
        run_cli("transfer", put("p.png"), "-s", "night", "--seed", 5, "--strength", 0.5, "--format", suffix)
        marks = read_marks(f"stylized/p-night.{suffix}")
        assert (marks.ours, marks.source_type) == (True, "compositeWithTrainedAlgorithmicMedia")
        assert {key: marks.settings[key] for key in ("style", "seed", "strength")} == {
            "style": "night", "seed": 5, "strength": 0.5
        }  # fmt: skip


def test_transparency_is_kept_exactly(painter: Painter, run_cli) -> None:
    alpha = np.arange(80 * 120, dtype=np.uint32).reshape(80, 120).astype(np.uint8)
    Image.fromarray(np.dstack([np.asarray(gradient()), alpha])).save("cut.png")
    assert run_cli("transfer", "cut.png", "-s", "sunset").code == 0
    assert np.array_equal(np.asarray(Image.open("stylized/cut-sunset.png"))[..., 3], alpha)


def test_own_results_inside_the_folder_are_left_out(painter: Painter, run_cli) -> None:
    put("a.png")
    assert run_cli("transfer", ".", "-s", "sunset").code == 0
    again = run_cli("transfer", ".", "-s", "sunset")
    assert written() == ["a-sunset-2.png", "a-sunset.png"]
    assert "warning: stylized/a-sunset.png: made by ganstyle; left out" in again.err
    put("b.png")
    third = run_cli("transfer", ".", "-s", "sunset", "--skip-existing")
    assert "stylized/a-sunset-2.png and 1 more: made by ganstyle; left out" in third.err


def test_a_sheet_shows_the_photograph_and_all_styles(painter: Painter, run_cli) -> None:
    done = run_cli("transfer", put("p.png"), "--sheet", "--json")
    page = Image.open("stylized/p-sheet.png")
    answer = json.loads(done.out)
    assert (done.code, answer["styles"], written()) == (0, ["night", "sunset"], ["p-sheet.png"])
    assert page.width > 2 * 120
    assert page.height > 2 * 80


def test_quiet_says_nothing_and_json_is_one_object(painter: Painter, run_cli) -> None:
    done = run_cli("transfer", put("p.png"), "-s", "sunset", "--json", "--quiet")
    answer = json.loads(done.out)
    assert (done.err, answer["schema"], answer["results"][0]["state"]) == ("", 1, "done")


def test_without_a_photograph_the_embedded_one_is_painted(painter: Painter, run_cli) -> None:
    done = run_cli("transfer", "--style", "sunset", "--max-size", 64)
    assert done.code == 0
    assert len(written()) == 1


def test_a_misspelt_style_is_told_before_torch_is_imported(painter: Painter) -> None:
    command = "print(main(['transfer', 'p.png', '--style', 'sunst'])); print('torch' in sys.modules)"
    code = f"import sys; from ganstyle.cli.app import main; {command}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["2", "False"]


def put_mask(path: str, *, size: tuple[int, int] = (120, 80)) -> Path:
    mask = Image.new("L", size, 0)
    mask.paste(255, (0, 0, size[0] // 2, size[1]))
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    mask.save(path)
    return Path(path)


def test_lists_of_strengths_and_sizes_and_variations_make_a_result_each(painter: Painter, run_cli) -> None:
    photo = put("p.png")
    assert run_cli("transfer", photo, "-s", "sunset", "--strength", "0.25,1").code == 0
    assert run_cli("transfer", photo, "-s", "sunset", "--stroke-size", "1,2").code == 0
    assert run_cli("transfer", photo, "-s", "night", "--variations", 2).code == 0
    assert written() == [
        "p-night-v2.png", "p-night.png", "p-sunset-s100.png", "p-sunset-s25.png", "p-sunset-x1.png", "p-sunset-x2.png"
    ]  # fmt: skip
    means = [mean_of(f"stylized/p-sunset-s{name}.png")[0] for name in (25, 100)]
    assert means[0] < means[1] == pytest.approx(200, abs=2)


def test_the_answer_and_the_marks_name_the_settings(painter: Painter, run_cli) -> None:
    words = ("--stroke-size", 2, "--variations", 2, "--mask", put_mask("m.png"), "--feather", 1.5, "--json")
    answer = json.loads(run_cli("transfer", put("p.png"), "-s", "sunset", *words).out)
    assert {key: answer[key] for key in ("method", "strengths", "stroke_sizes", "variations", "mask")} == {
        "method": "fast", "strengths": [1.0], "stroke_sizes": [2.0], "variations": 2, "mask": "m.png"
    }  # fmt: skip
    settings = read_marks("stylized/p-sunset-v2.png").settings
    assert (settings["variation"], settings["feather"], len(settings["mask_sha256"])) == (2, 1.5, 16)
    assert settings["method"] == "fast"


def test_a_mask_puts_two_styles_into_one_result(painter: Painter, run_cli) -> None:
    done = run_cli("transfer", put("p.png"), "--mask", put_mask("m.png"), "-s", "sunset", "-s", "night")
    assert (done.code, written()) == (0, ["p-sunset-night.png"])
    pixels = np.asarray(Image.open("stylized/p-sunset-night.png"), dtype=int)
    assert pixels[:, :55, 0].mean() > 150 > 60 > pixels[:, 65:, 0].mean()


def test_a_folder_of_masks_serves_each_photograph_and_a_missing_one_fails_alone(painter: Painter, run_cli) -> None:
    put("in/a.jpg"), put("in/trip/b.png"), put("in/c.png"), put("in/d.png")
    put_mask("masks/a.png"), put_mask("masks/trip/b.png"), put_mask("masks/d.png", size=(50, 50))
    done = run_cli("transfer", "in", "-s", "sunset", "--mask", "masks")
    assert (done.code, written()) == (3, ["a-sunset.jpg", "trip/b-sunset.png"])
    assert "no mask for c.png" in done.err
    assert "50x50" in done.err


def test_a_mask_among_the_photographs_is_not_painted(painter: Painter, run_cli) -> None:
    put("in/a.png")
    assert run_cli("transfer", "in", "-s", "sunset", "--mask", put_mask("in/mask.png")).code == 0
    assert written() == ["a-sunset.png"]


def test_a_mask_that_fits_no_photograph_is_exit_4_with_the_remedy(painter: Painter, run_cli) -> None:
    photo = put("p.png")
    done = run_cli("transfer", photo, "-s", "sunset", "--mask", put_mask("m.png", size=(80, 120)))
    assert done.code == 4
    assert "m.png is 80x120" in done.err
    assert "turn the mask" in done.err
    missing = run_cli("transfer", photo, "-s", "sunset", "--mask", "sky.png")
    assert (missing.code, "no such mask" in missing.err) == (2, True)


def test_a_sheet_shows_what_lists_ask_for(painter: Painter, run_cli) -> None:
    photo = put("p.png")
    assert run_cli("transfer", photo, "--sheet", "--strength", "0.5,1").code == 0
    few = Image.open("stylized/p-sheet.png").size
    assert run_cli("transfer", photo, "--sheet", "--variations", 6, "--overwrite").code == 0
    assert Image.open("stylized/p-sheet.png").size > few
    assert run_cli("transfer", photo, "--sheet", "--skip-existing", "--json").code == 0
    assert written() == ["p-sheet.png"]
    done = run_cli("transfer", "strengths", "--sheet")
    assert (done.code, "--strength 0.25" in done.err) == (2, True)


def test_wrong_values_are_exit_2_before_any_work(painter: Painter, run_cli) -> None:
    photo = put("p.png")
    for words, text in ((["--strength", "0.5,x"], "no list of numbers"), (["--strength", "0.5,0.5"], "twice"),
                        (["--stroke-size", "9"], "stroke size"), (["--stroke-size", "big"], "no number"),
                        (["--variations", "0"], "variations"), (["--feather", "4"], "borders of a mask"),
                        (["--feather", "-1", "--mask", photo], "feather"), (["--out", "a.gif"], "as a.gif"),
                        (["--out", "a.BMP", "--sheet"], "as a.BMP"), (["--model", "."], "holds no model"),
                        (["--method", "gatsy"], "gatys"), (["--steps", "0"], "steps"),
                        (["--preserve-color", "match:2"], "amount")):  # fmt: skip
        done = run_cli("transfer", photo, "-s", "sunset", *words)
        assert (done.code, text in done.err) == (5 if "--model" in words else 2, True), (words, done.err)
    assert [path.name for path in Path().iterdir()] == ["p.png"]


def test_a_folder_may_be_named_like_a_picture_if_it_exists(painter: Painter, run_cli) -> None:
    Path("a.gif").mkdir()
    assert run_cli("transfer", put("p.png"), "-s", "night", "-o", "a.gif").code == 0
    assert written("a.gif") == ["p-night.png"]


def test_a_base_model_that_cannot_optimise_says_so(painter: Painter, run_cli) -> None:
    done = run_cli("transfer", put("p.png"), "-s", "sunset", "--method", "gatys")
    assert (done.code, "can't optimise" in done.err) == (2, True)


def test_the_slow_method_is_recorded_with_its_steps(painter: Painter, run_cli, monkeypatch) -> None:
    def brush_of(base: object, works: dict, *, steps: int, backbone: object, progress) -> object:
        assert {name: len(pictures) > 0 for name, pictures in works.items()} == {"sunset": True}

        def brush(pixels: np.ndarray, style: object, options: object) -> np.ndarray:
            for step in range(steps):
                progress(step + 1, steps)
            return 255 - pixels

        return brush

    monkeypatch.setattr("ganstyle.style.optimising.optimising_brush", brush_of)
    done = run_cli("transfer", put("a.png"), put("b.png"), "-s", "sunset", "--method", "gatys", "--steps", 7)
    assert (done.code, written()) == (0, ["a-sunset.png", "b-sunset.png"])
    assert "14/14 step" in done.err
    assert read_marks("stylized/b-sunset.png").settings["method"] == "optimise 7"
    assert np.array_equal(np.asarray(Image.open("stylized/a-sunset.png")), 255 - np.asarray(gradient()))


def test_photographs_of_one_name_from_two_folders_are_kept_apart(painter: Painter, run_cli) -> None:
    first, second = put("one/a.png"), put("two/a.png")
    assert run_cli("transfer", first, second, "-s", "sunset", "--overwrite").code == 0
    assert written() == ["a-2-sunset.png", "a-sunset.png"]


def test_overwriting_never_hits_a_photograph(painter: Painter, run_cli) -> None:
    photo, other = put("a.png"), put("a-sunset.png")
    before = other.read_bytes()
    assert run_cli("transfer", photo, other, "-s", "sunset", "--out", ".", "--overwrite").code == 0
    assert other.read_bytes() == before
    assert Path("a-sunset-2.png").exists()


def test_a_read_only_folder_is_told(painter: Painter, run_cli, monkeypatch) -> None:
    def refused(*args: object, **kwargs: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr("ganstyle.data.writing.tempfile.mkstemp", refused)
    done = run_cli("transfer", put("p.png"), "-s", "sunset")
    assert done.code == 6
    assert "Read-only" in done.err


def test_a_disk_that_fills_stops_the_batch_and_leaves_no_half_file(painter: Painter, run_cli, monkeypatch) -> None:
    def full(*args: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    photo = put("p.png")
    monkeypatch.setattr("ganstyle.data.writing._fill", full)
    done = run_cli("transfer", photo, "-s", "sunset")
    assert (done.code, written()) == (6, [])
    assert "No space left" in done.err


def test_notes_on_photographs_are_told_once_for_each_kind(painter: Painter, run_cli) -> None:
    frames = [gradient(), gradient()]
    for name in ("a.gif", "b.gif"):
        frames[0].save(name, save_all=True, append_images=[Image.new("RGB", (120, 80))])
    done = run_cli("transfer", "a.gif", "b.gif", put("c.png"), "-s", "sunset", "-s", "night", "--max-size", 64)
    notes = [line for line in done.err.splitlines() if line.startswith("note:")]
    assert notes == ["note: a.gif and 1 more: an animation: its first frame is used"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nowhere.jpg",), "error: nowhere.jpg does not exist\nwhere: nowhere.jpg"),
        (("a.jpg", "b.jpg"), "error: none of 2 files exists"),
        (("empty",), "error: no picture to paint\nwhere: empty"),
        (("texts",), "error: no picture to paint, only: 1 not an image by its name\nwhere: texts/notes.txt"),
    ],
)
def test_what_has_no_picture_is_named(painter: Painter, run_cli, words, said) -> None:
    Path("empty").mkdir()
    Path("texts").mkdir()
    Path("texts/notes.txt").write_text("x")
    done = run_cli("transfer", *words, "-s", "sunset")
    assert (done.code, said in done.err) == (4, True)


def test_a_single_result_can_be_given_a_name(painter: Painter, run_cli) -> None:
    photo = put("p.png")
    for _ in range(2):
        done = run_cli("transfer", photo, "-s", "sunset", "-o", "art/sunset.jpg")
    assert (done.code, done.out) == (0, "1 done\nart/sunset-2.jpg\n")
    assert run_cli("transfer", photo, "-s", "night", "-o", "art/sunset.jpg", "--overwrite").code == 0
    assert mean_of("art/sunset.jpg") == pytest.approx([20, 40, 120], abs=3)
    assert run_cli("transfer", photo, "--sheet", "-o", "art/all.webp").code == 0
    assert run_cli("transfer", photo, "-s", "night", "-o", photo, "--overwrite").code == 0  # not over the photograph
    assert (written("art"), mean_of("p.png")) == (
        ["all.webp", "sunset-2.jpg", "sunset.jpg"], mean_of(put("again.png"))
    )  # fmt: skip


@pytest.mark.parametrize("words", [("-s", "night", "-s", "sunset"), ("q.png", "--sheet"), ("--format", "png")])
def test_a_name_is_for_one_result_of_its_format(painter: Painter, run_cli, words) -> None:
    put("q.png")
    done = run_cli("transfer", put("p.png"), "-o", "a.jpg", *words)
    assert (done.code, "hint:" in done.err, Path("a.jpg").exists()) == (2, True, False)
    Path("folder.jpg").mkdir()
    assert run_cli("transfer", "p.png", "-s", "night", "-o", "folder.jpg").code == 0
    assert written("folder.jpg") == ["p-night.png"]


def test_a_batch_that_is_stopped_tells_how_to_go_on(painter: Painter, run_cli, monkeypatch) -> None:
    photos = [put(name) for name in ("a.png", "b.png", "c.png")]
    from ganstyle.style import batch

    paint, painted = batch.apply_styles, []

    def stopped(*args: object, **how: object) -> object:
        if len(painted) == 2:
            raise KeyboardInterrupt
        painted.append(paint(*args, **how))
        return painted[-1]

    with monkeypatch.context() as patched:
        patched.setattr(batch, "apply_styles", stopped)
        done = run_cli("transfer", *photos, "-s", "sunset")
    assert (done.code, written()) == (130, ["a-sunset.png", "b-sunset.png"])
    assert "2 done so far; the same command with --skip-existing goes on" in done.err
    assert "1 done, 2 skipped" in run_cli("transfer", *photos, "-s", "sunset", "--skip-existing").out
