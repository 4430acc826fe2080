"""The arrays of the compiled kernel: what lies in which row of them, and how the functions that read them are compiled.

A call in compiled code passes each array as seven numbers and more, so what belongs together lies in the rows of few
arrays; the constants below name the rows.
"""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = [
    "DONE",
    "LEFT",
    "Chain",
    "Gather",
    "Numbers",
    "Shape",
    "Slots",
    "Work",
    "compiled",
    "entry_point",
    "inlined",
    "new_gather",
    "new_scratch",
    "sources_of",
    "summing",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

BITS = 62  # carried contexts, or slots, that fit one integer

# Rows of Shape.contexts: states of the context; contexts with children before parents; where its parents and its table
# begin; whether a cause depends on it, whether by strata; the only cause linked to it, or -1.
CARD, CHILD_FIRST, PARENT_AT, TABLE_AT, USED, STRATIFIES, USER = range(7)
# Rows of Shape.causes: where strata, leaks and active contexts of the cause begin; whether it is serious.
STRATUM_AT, LEAK_AT, ACTIVE_AT, SERIOUS = range(4)
# Rows of Shape.parents and Shape.strata: the context; entries that a step in its state moves on.
CONTEXT, STRIDE = 0, 1
# Rows of numbers: p and 1 - p, to full relative precision.
YES, NO = 0, 1
# Rows of Chain.steps: the cause; cells; how many of them each cell that is left of the step before becomes; whether the
# cells are taken over as they are; where Chain.leaving and Chain.cells begin; whether the cause depends on no carried
# context. The last are the row's: slots that open before the step, and close behind it; where its state begins; how
# many slots are open.
CAUSE, CELLS, EACH, SAME, LEAVING_AT, CELL_AT, ALONE, ENTER, LEAVE, START, WIDTH = range(11)
# Rows of Chain.leaving: states of a context that is summed out; cells of the axes behind it.
STATES, INNER = 0, 1
# Rows of Chain.cells.
WEIGHT, ABSENT, PRESENT = range(3)
# Rows of Work.contexts: the role; the bit of a carried context; whether a child needs it; the carried contexts that its
# table depends on, as bits; its state; the step at which its table is multiplied in.
ROLE, BIT, WANTED, SCOPE, STATE, PLACE = range(6)
# Roles.
KNOWN, BARREN, ABSORBED, CARRIED = range(4)
# Rows of Work.causes: carried contexts and slots that the cause needs open, as bits; whether it is still to be ordered;
# the order by contexts alone; whether it is known absent (0), known present (1) or unknown (-1).
CONTEXTS, SLOTS, CHOSEN, DEFAULT, STATED = range(5)
# Rows of Work.bits: first and last step at which a carried context is open; the axes of a step and of the one before;
# the context of a bit; how many causes yet need the context, and the slot, of a bit.
FIRST, LAST, AXIS, OLD_AXIS, CONTEXT_OF, CONTEXT_LEFT, SLOT_LEFT = range(7)
# Row of Numbers.findings and Slots.leaks behind YES and NO.
SCALE = 2
# Rows of Slots.spans: first and last step with a cause of the slot; room for the slots that are open.
OPENED, CLOSED, OPEN = range(3)
# Rows of Slots.causes: product of (1 - q) over the absent findings of a cause's links; at each step, what the state was
# divided by behind it.
SPARED, SCALED = 0, 1
# Rows of Slots.before: the state before each cause with every cause free; with no serious one so far.
FREE, CALM = 0, 1
# Rows of Gather.cells: what a cell's P(cause absent) and P(cause present) are multiplied by to be P(it and the cell |
# evidence), of one row of evidence and added up over the rows that share the chain.
OF_ABSENT, OF_PRESENT, SUM_ABSENT, SUM_PRESENT = range(4)
# Rows of a tally.
SUCCESSES, TRIALS = 0, 1

DONE, LEFT = 1, 0  # a row is answered, or left to the NumPy engine
SCALE_EVERY = 16  # causes between two looks at the size of the state
LOST, DIGITS = 1e-290, 1e-30  # what underflow may take of a number, and of an answer
NEVER = -1
CONTRADICTED = 2  # what is known of a cause that is present, and of which a certain finding is absent
ROOM = 1 << 21  # numbers that a row may keep of the states on its way: 16 MB, twice
CHAIN_ROOM = 1 << 16  # cells of all steps of a chain
SMALL = 1e-100  # a product below it goes into a logarithm, a state below it is scaled
MAX_OPEN = 14  # slots open at once; with more, enumerating the causes in NumPy is as quick

# No reference is counted: nothing is allocated in compiled code here, and counting would cost more than the sums.
OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy", "_nrt": False}


def compiled(function: Any) -> Any:
    """Compile a function on its first call, to run without the interpreter's lock."""
    return njit(function, **OPTIONS)


def inlined(function: Any) -> Any:
    """Compile a function into its callers: for small ones with many arrays, which a call would cost more."""
    return njit(function, inline="always", **OPTIONS)


def summing(function: Any) -> Any:
    """Compile a function likewise, free to add up in another order: for sums of positive terms."""
    return njit(function, fastmath={"reassoc", "contract"}, **OPTIONS)


def entry_point(function: Any) -> Any:
    """Compile a function that Python calls, and keep it on disk together with what its closure holds.

    Numba looks for a newer version of the function's own file only; with the source of the other files in a
    closure (see `sources_of`) it also compiles again where one of them has changed. Where there is no folder to
    keep it in (a read-only installation), it is compiled in each process.
    """
    try:
        return njit(function, cache=True, **OPTIONS)
    except RuntimeError:
        return njit(function, **OPTIONS)


def sources_of(*modules: ModuleType) -> str:
    """Return the text of some modules, one after the other."""
    return "".join(Path(str(module.__file__)).read_text(encoding="utf-8") for module in modules)


class Shape(NamedTuple):
    """The structure of a network, flat: `at[i]` to `at[i + 1]` are the entries of i.

    `contexts` (7, n_contexts + 1) and `causes` (4, n_causes + 1) have their rows named above; `parents`
    (2, n) and `strata` (2, n) are contexts and strides; `active` (n,) are the contexts linked to each cause;
    `effect_at` and `effect` the causes linked to each finding; `member_at` and `member` the findings that
    each union is the OR of.
    """

    contexts: Ints
    causes: Ints
    parents: Ints
    strata: Ints
    active: Ints
    effect_at: Ints
    effect: Ints
    member_at: Ints
    member: Ints


class Numbers(NamedTuple):
    """The numbers of a network, in the order of its shape.

    `tables` (n,) are those of the contexts; `leaks` (2, n) of the causes, `activation` (2, n) and `links`
    (2, n) have p and 1 - p; `findings` (3, n_findings) has leak, 1 - leak, and the largest leak or link,
    the unit in which the explanation of a finding is counted. Where there are many parameter sets, each
    array has them on an axis before these.
    """

    tables: Floats
    leaks: Floats
    activation: Floats
    links: Floats
    findings: Floats


class Chain(NamedTuple):
    """The steps: one a cause, one at the end, and where that ends; their cells, and the causes' numbers in them.

    `steps` (11, n_causes + 2) and `cells` (3, room) have their rows named above; `leaving` (2, n) are the
    axes of the step before that are summed out, the last axis first. Entering contexts vary fastest.
    """

    steps: Ints
    leaving: Ints
    cells: Floats


class Work(NamedTuple):
    """Scratch of one thread: `contexts` (6, n), `causes` (5, n) and `bits` (7, BITS) have their rows named above.

    `sizes` (2, BITS) is log2 of what each open context, and each open slot, multiplies the state by; `placed`
    and `links` are the contexts whose tables belong to a step, and the links of its cause that differ by cell.
    """

    contexts: Ints
    causes: Ints
    bits: Ints
    sizes: Floats
    placed: Ints
    links: Ints


class Slots(NamedTuple):
    """What the findings of one row add to the chain, scratch of one thread.

    Attributes
    ----------
    links : ndarray, shape (2, BITS, n_causes)
        Link from each cause to each slot, in units of the slot's scale, and 1 - link.
    leaks : ndarray, shape (3, BITS)
        Leak of each slot, likewise, and the scale.
    causes : ndarray, shape (2, n_causes)
        Rows SPARED and SCALED.
    spans : ndarray, shape (3, BITS)
        Rows OPENED, CLOSED and OPEN.
    axes : ndarray, shape (n_causes, MAX_OPEN)
        Slots that are open at each step: subset s has explained `axes[t, i]` if its bit i is set.
    before : ndarray, shape (2, ROOM)
        Rows FREE and CALM: the states before each cause, subsets x cells.
    states : ndarray, shape (4, ROOM)
        States on the move.
    """

    links: Floats
    leaks: Floats
    causes: Floats
    spans: Ints
    axes: Ints
    before: Floats
    states: Floats


class Gather(NamedTuple):
    """What is known of the hidden events of one row, scratch of one thread beside that of the walk.

    Attributes
    ----------
    cells : ndarray, shape (4, CHAIN_ROOM)
        Rows named above.
    present : ndarray, shape (n_causes,)
        P(cause present | evidence).
    fired : ndarray, shape (BITS, n_causes + 1)
        P(the link from a cause to a slot fires | evidence), and last that the slot's leak does.
    """

    cells: Floats
    present: Floats
    fired: Floats


def new_gather(n_causes: int) -> Gather:
    """Return scratch for one thread that counts."""
    return Gather(np.zeros((4, CHAIN_ROOM)), np.zeros(n_causes), np.zeros((BITS, n_causes + 1)))


def new_scratch(n_contexts: int, n_causes: int) -> tuple[Chain, Work, Slots]:
    """Return scratch for one thread: some 100 MB of address space, of which a row touches what it needs."""

    def ints(*shape: int) -> Ints:
        return np.zeros(shape, dtype=np.int64)

    chain = Chain(steps=ints(11, n_causes + 2), leaving=ints(2, BITS + 1), cells=np.zeros((3, CHAIN_ROOM)))
    work = Work(
        contexts=ints(6, n_contexts),
        causes=ints(5, n_causes),
        bits=ints(7, BITS),
        sizes=np.ones((2, BITS)),
        placed=ints(n_contexts),
        links=ints(n_contexts),
    )
    slots = Slots(
        links=np.zeros((2, BITS, n_causes)),
        leaks=np.zeros((3, BITS)),
        causes=np.zeros((2, n_causes)),
        spans=ints(3, BITS),
        axes=ints(n_causes, MAX_OPEN),
        before=np.zeros((2, ROOM)),
        states=np.zeros((4, ROOM)),
    )
    return chain, work, slots
