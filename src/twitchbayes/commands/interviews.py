"""The commands `questions`, what to ask next, and `ask`, an interview."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

from twitchbayes.commands import add_model, chosen_model
from twitchbayes.commands.dialogue import converse
from twitchbayes.errors import InvalidEvidenceError, InvalidValueError, TwitchbayesError
from twitchbayes.evidence import read_items
from twitchbayes.interview import Interview, resumed
from twitchbayes.posterior import THRESHOLD_BITS

__all__ = ["add"]

OTHERWISE = (
    "Give --model, --population and --priors as before, which a transcript does not set; or put the answers to this "
    "model with --any-model"
)
STREAM = "-"  # standard output, in place of a file


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the parsers of these commands."""
    questions = commands.add_parser("questions", help="what to ask next, and what each answer would do")
    _add_evidence(questions)
    questions.add_argument("-n", type=int, default=5, metavar="N", help="how many questions (default: 5)")
    _add_wanted(questions)
    questions.add_argument(
        "--skip", action="append", default=[], metavar="NAME", help="a question that is not to be asked"
    )
    add_model(questions)
    questions.set_defaults(run=_questions)

    ask = commands.add_parser("ask", help="an interview: one question after the other, in the order of their worth")
    _add_evidence(ask)
    _add_wanted(ask)
    ask.add_argument(
        "--threshold",
        type=float,
        metavar="BITS",
        help=f"stop when no question is expected to settle more, for its cost (default: {THRESHOLD_BITS})",
    )
    ask.add_argument("--json", metavar="FILE", help="keep the transcript in a new file; - prints it at the end")
    ask.add_argument("--resume", metavar="FILE", help="go on with the transcript in a file")
    ask.add_argument("--any-model", action="store_true", help="resume although the transcript is of another model")
    add_model(ask, with_json=False)
    ask.set_defaults(run=_ask)


def _add_evidence(command: argparse.ArgumentParser) -> None:
    command.add_argument("evidence", nargs="*", metavar="name=value", help="what is known, as weakness=yes age=62")


def _add_wanted(command: argparse.ArgumentParser) -> None:
    command.add_argument("--target", metavar="WHAT", help="what to settle: causes (default), serious, or a cause")
    command.add_argument(
        "--cost", action="append", default=[], metavar="NAME=COST", help="what a question costs (default: 1)"
    )


def _costs(options: argparse.Namespace) -> dict[str, float]:
    costs: dict[str, float] = {}
    faults: list[TwitchbayesError] = []
    for name, text in read_items(options.cost).items():
        try:
            costs[name] = float(text)
        except ValueError:
            faults.append(InvalidValueError(f"--cost {name}={text!r} is not a number; give one above 0, as 3"))
    if len(faults) > 1:
        raise InvalidEvidenceError(faults)
    if faults:
        raise faults[0]
    return costs


def _questions(options: argparse.Namespace) -> int:
    posterior = chosen_model(options).infer(read_items(options.evidence))
    found = posterior.next_questions(
        options.n, target=options.target or "causes", costs=_costs(options), skip=options.skip
    )
    print(found.to_json() if options.json else found)
    return 0


def _ask(options: argparse.Namespace) -> int:
    file = _file(options)
    interview = _begun(options)
    printed = options.json == STREAM
    kept = _Kept(interview, file)
    try:
        converse(interview, dialogue=sys.stderr if printed else sys.stdout, keep=kept.save)
    except KeyboardInterrupt:
        kept.leave("\ninterrupted")
        raise
    finally:
        if printed:
            print(interview.to_json())
    if file is not None and not kept.save():
        kept.leave("not saved there")
        return 2
    if sys.stdin.isatty() and not printed and file is None and not interview.finished:
        kept.leave("stopped")
    return 0


class _Kept:
    """The file of a transcript, if it has one; where it cannot be written, the interview goes on."""

    def __init__(self, interview: Interview, file: Path | None) -> None:
        self._interview, self._file = interview, file

    def save(self) -> bool:
        """Write the transcript of now, and return whether that was possible; say so where it was not."""
        try:
            _write(self._interview, self._file)
        except OSError as error:
            _tell(f"cannot write {str(self._file)!r}: {error.strerror}; the answers so far are not in it")
            return False
        return True

    def leave(self, why: str) -> None:
        """Leave the answers, if there are any, in the file, or in a new one, and say how to go on."""
        if not self._interview.history:
            return
        if self._file is None or not self.save():
            self._file = _new_file()
            _write(self._interview, self._file)
        _tell(f"{why}; {self._file} has the transcript; twitchbayes ask --resume {self._file} goes on")


def _tell(message: str) -> None:
    start = "\n" if message.startswith("\n") else ""
    print(f"{start}twitchbayes: {message.lstrip()}", file=sys.stderr)


def _begun(options: argparse.Namespace) -> Interview:
    """Return a new interview, or the one to go on with."""
    model = chosen_model(options)
    if not options.resume:
        return Interview(
            model,
            target=options.target or "causes",
            threshold_bits=THRESHOLD_BITS if options.threshold is None else options.threshold,
            costs=_costs(options),
            known=read_items(options.evidence),
        )
    if options.evidence or options.target or options.cost or options.threshold is not None:
        message = "--resume takes what is known, target, costs and threshold from the transcript; leave them out"
        raise InvalidValueError(message)
    # Bytes: PowerShell writes UTF-16, which JSON tells by itself.
    return resumed(Path(options.resume).read_bytes(), model, otherwise=None if options.any_model else OTHERWISE)


def _file(options: argparse.Namespace) -> Path | None:
    """Return where the transcript is kept, if anywhere: nothing but the one that is resumed is overwritten."""
    resumed_file = Path(options.resume) if options.resume else None
    if not options.json or options.json == STREAM:
        return _writable(resumed_file) if resumed_file else None
    file = Path(options.json)
    if file.exists() and not (resumed_file is not None and file.samefile(resumed_file)):
        message = f"{str(file)!r} exists; choose another name, or go on with it by --resume"
        raise FileExistsError(message)
    return _writable(file)


def _writable(file: Path) -> Path:
    """Return a file in whose folder one can be made: what cannot be kept is told before a question is asked."""
    try:
        with tempfile.TemporaryFile(dir=file.parent):
            return file
    except OSError as error:
        message = f"cannot write {str(file)!r}: {error.strerror}"
        raise OSError(message) from None


def _new_file() -> Path:
    """Return a new file in this folder, for its owner's eyes only."""
    number, name = tempfile.mkstemp(prefix="interview-", suffix=".json", dir=".")
    os.close(number)
    return Path(name).relative_to(Path.cwd()) if Path(name).is_absolute() else Path(name)


def _write(interview: Interview, file: Path | None) -> None:
    """Replace a transcript by that of now, whole or not at all."""
    if file is None:
        return
    number, name = tempfile.mkstemp(prefix=".saving-", dir=file.parent)
    try:
        with os.fdopen(number, "w", encoding="utf-8", newline="\n") as draft:
            draft.write(f"{interview.to_json()}\n")
        Path(name).replace(file)
    finally:
        Path(name).unlink(missing_ok=True)
