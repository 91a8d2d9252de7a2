"""`ganstyle study`: what people prefer, and many runs in one comparison."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ganstyle.cli.compare import compare
from ganstyle.cli.output import JsonFlag, Output, QuietFlag, SeedOption, command
from ganstyle.cli.progress import size
from ganstyle.errors import EXIT_OK, EXIT_SOME_FAILED, NoInputError

if TYPE_CHECKING:
    from ganstyle.study.gathering import Gathered
    from ganstyle.study.results import Result
    from ganstyle.study.serving import StudyServer

app = typer.Typer(help="Ask people which pictures they prefer; compare runs in one table.", no_args_is_help=True)

LARGE_PAGE_BYTES = 30_000_000
PORT = 8765
OutOption = Annotated[Path, typer.Option("--out", "-o", help="Page to write; a name that is taken gets a number.")]


app.command("compare")(compare)


@app.command()
@command
def new(
    folders: Annotated[list[str], typer.Argument(help="One folder per method: A B, or ours=A theirs=B.")],
    question: Annotated[str | None, typer.Option(help="What raters are asked; ask for the better one.")] = None,
    content: Annotated[Path | None, typer.Option(help="Folder of what was painted; shown above each pair.")] = None,
    style: Annotated[Path | None, typer.Option(help="Style picture, or folder of them; shown above each pair.")] = None,
    out: OutOption = Path("study.html"),
    pairs: Annotated[int, typer.Option("--pairs-per-rater", min=1, max=10_000, help="Pairs each rater compares.")] = 30,
    repeats: Annotated[int | None, typer.Option(min=0, help="Pairs shown again; default: one in six.")] = None,
    checks: Annotated[int | None, typer.Option(min=0, help="Attention checks; default: one in eight, >= 3.")] = None,
    ties: Annotated[bool, typer.Option(help="Allow the answer 'no difference'.")] = True,
    items: Annotated[
        int | None, typer.Option(min=1, help="Use so many pictures, drawn at random; default: all.")
    ] = None,
    max_size: Annotated[int, typer.Option(min=64, max=4096, help="Longest side of a picture, in pixels.")] = 640,
    quality: Annotated[int, typer.Option(min=1, max=100, help="Of the WebP pictures; 100 is lossless.")] = 90,
    seed: Annotated[int, typer.Option(min=0, help="Of everything random.")] = 0,
    json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> int:
    """Write one page that asks people which of two pictures is better. It needs no server and no network.

    Pictures are matched by file name. Order and sides are random for each rater; some pairs come twice, and a few
    show a damaged picture, to see whether somebody is looking.
    """
    from ganstyle.data.writing import write_atomic
    from ganstyle.study.making import Wishes, build_study, equal_candidates
    from ganstyle.study.matching import match
    from ganstyle.study.page import study_page

    output = Output(json, quiet)
    wishes = Wishes(question, pairs, repeats, checks, ties, items, seed, max_size, quality)
    matched = match(folders, content=content, style=style)
    planned = len(matched.items) if items is None else min(items, len(matched.items))
    with output.progress("reading", planned) as bar:
        study = build_study(matched, wishes, progress=bar.advance)
    page = study_page(study)
    path = write_atomic(out, page, overwrite=False)
    equal = equal_candidates(study)
    design = study.design
    facts = {
        "study": study.id,
        "page": path,
        "bytes": len(page),
        "question": design.question,
        "methods": design.methods,
        "items": len(design.items),
        "pairs": design.pairs,
        "repeats": design.repeats,
        "checks": design.checks,
        "left_out": matched.left_out,
        "equal": equal,
    }
    output.result(facts, text=_new_text(facts))
    _warn_of_page(output, facts)
    return EXIT_SOME_FAILED if matched.left_out else EXIT_OK


def _new_text(facts: dict[str, Any]) -> str:
    trials = facts["pairs"] + facts["repeats"] + facts["checks"]
    return (
        f"{facts['page']}: {len(facts['methods'])} methods on {facts['items']} pictures, {size(facts['bytes'])}\n"
        f"each rater sees {trials} pairs: {facts['pairs']} compared, {facts['repeats']} of them again, "
        f"{facts['checks']} attention checks\n"
        f"send the file to people, or: ganstyle study serve {facts['page']}"
    )


def _warn_of_page(output: Output, facts: dict[str, Any]) -> None:
    left_out = facts["left_out"]
    for name, reason in left_out[:5]:
        output.warn(f"left out: {name}: {reason}")
    if len(left_out) > 5:
        output.warn(f"left out: {len(left_out) - 5} more")
    if facts["equal"]:
        names = ", ".join(facts["equal"][:3])
        output.warn(f"two methods show the same picture in {len(facts['equal'])} items ({names})")
    if facts["bytes"] > LARGE_PAGE_BYTES:
        output.warn(f"a page of {size(facts['bytes'])} is slow on a phone; smaller: --max-size 400, or --items 40")


@app.command()
@command
def serve(
    page: Annotated[Path, typer.Argument(help="Page made by `ganstyle study new`.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="SQLite file of the votes; continued if it exists.")] = Path(
        "votes.sqlite"
    ),
    host: Annotated[str, typer.Option(help="0.0.0.0 lets other machines in; anybody with the address.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = PORT,
    json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> None:
    """Serve a study's page and collect the votes of several people, until Ctrl-C."""
    from ganstyle.study.serving import StudyServer

    output = Output(json, quiet)
    told = output.say

    def tell(raters: int, votes: int) -> None:
        told(f"{raters} raters, {votes} votes")

    server = StudyServer(page, out, host=host, port=port, told=tell)
    facts = {"url": server.url, "votes": out, "study": server.study}
    output.result(facts, text=f"open {server.url}\nvotes are kept in {out}; Ctrl-C ends")
    if not server.local_only:
        output.warn("other machines can reach this server: whoever has the address can vote; there is no encryption")
    _serve_until_stopped(server)
    raters, votes = server.store.counts()
    output.say(f"{raters} raters, {votes} votes in {out}; now: ganstyle study result {out} --study {page}")


def _serve_until_stopped(server: StudyServer) -> None:
    stop = threading.Event()
    kinds = (signal.SIGINT, signal.SIGTERM)
    main = threading.current_thread() is threading.main_thread()
    before = [signal.signal(kind, lambda *_: stop.set()) for kind in kinds] if main else []
    worker = threading.Thread(target=server.serve_forever, daemon=True)
    worker.start()
    try:
        while not stop.wait(0.5):
            pass
    finally:
        for kind, handler in zip(kinds, before):
            signal.signal(kind, handler)
        server.shutdown()
        server.server_close()


@app.command()
@command
def result(
    votes: Annotated[list[Path], typer.Argument(help="Files of votes, JSON or SQLite, or folders of them.")],
    study: Annotated[
        Path | None, typer.Option(help="The page: only its votes count, and its pictures are shown.")
    ] = None,
    html: Annotated[Path | None, typer.Option(help="Write a report; a name that is taken gets a number.")] = None,
    keep_failed: Annotated[bool, typer.Option("--keep-failed", help="Count raters who failed the checks.")] = False,
    seed: SeedOption = 0,
    json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> int:
    """Say what people prefer: Bradley-Terry scores with intervals, who won against whom, how far raters agree."""
    from ganstyle.data.writing import write_atomic
    from ganstyle.study.design import read_study
    from ganstyle.study.gathering import gather
    from ganstyle.study.reporting import result_page
    from ganstyle.study.results import result_of
    from ganstyle.study.wording import as_data

    output = Output(json, quiet)
    page = read_study(study) if study is not None else None
    gathered = gather(votes, page)
    found = result_of(gathered.study, gathered.design, gathered.raters, keep_failed=keep_failed, seed=seed)
    found.notes += gathered.notes
    if not found.votes:
        reasons = "; ".join([*found.notes[:-1], *(f"{name}: {reason}" for name, reason in gathered.refused)])
        message = "there are no votes to count" + (f": {reasons}" if reasons else "")
        raise NoInputError(message, where=", ".join(map(str, votes)), hint="--keep-failed counts all raters")
    report = write_atomic(html, result_page(found, page), overwrite=False) if html is not None else None
    if json:
        output.result({**as_data(found), "not_counted": gathered.refused, "report": report})
    else:
        _show(output, found, gathered, report)
    return EXIT_SOME_FAILED if gathered.refused else EXIT_OK


def _show(output: Output, found: Result, gathered: Gathered, report: Path | None) -> None:
    from ganstyle.study.wording import measures, score_rows, verdicts

    head = f"{found.design.question}\n{len(found.kept)} of {len(found.raters)} raters counted, {found.votes} answers"
    headings, rows = score_rows(found)
    output.result({}, text="\n".join([head, "", *verdicts(found), ""]), table=(headings, rows))
    lines = [f"{name}: {value}, {meaning}" for name, value, meaning in measures(found)]
    lines += [f"note: {note}" for note in found.notes]
    lines += [f"not counted: {name}: {reason}" for name, reason in gathered.refused]
    lines += [f"report: {report}"] if report else []
    output.result({}, text="\n".join(["", *lines]))
