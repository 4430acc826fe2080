"""The loops over rows of evidence and over parameter sets. Rows of one pattern share a plan and stand in blocks."""

import math

import numpy as np

import twitchbayes.inference.arrays as arrays
import twitchbayes.inference.counts as counts
import twitchbayes.inference.names as names
import twitchbayes.inference.order as order
import twitchbayes.inference.reading as reading
import twitchbayes.inference.sweep as sweep

TINY = 1e-200  # a probability below this is computed again with rescaling
LEAST = -700.0  # ln of what is too improbable to be shared out: its derivatives would overflow
RARE = 1e-3  # P(some member of a group) below this is not the difference of P(none of them) from 1
IMPOSSIBLE = -1e308


class Desk:
    """What one thread works with.

    Attributes
    ----------
    said : (rows + 1, n_nodes)
        The rows at hand, and a spare one. Nothing is said of groups but what is asked of them.
    block, plan, work
        The rows as a problem, the steps to its solution, and the arrays of a sweep.
    side, side_plan
        The same for those rows with one thing more said.
    logs : (rows,)
        ln P(evidence) of the rows, `IMPOSSIBLE` where that is 0.
    state, store, spare, lanes : int
        What the last rows need, for `make_room`.
    limit : int
        The most numbers that a row may need.
    is_refused : int
        Whether the last row passes the limit.
    """

    def __init__(self, net, limit):
        self.said = memoryview(np.full((names.MOST_LANES + 1, net.n_nodes), names.UNKNOWN, dtype=np.int8))
        self.block, self.plan = reading.Block(net, names.MOST_LANES), order.Plan(net)
        self.side, self.side_plan = reading.Block(net, names.MOST_LANES), order.Plan(net)
        self.work, self.logs = sweep.Work(net), arrays.doubles(names.MOST_LANES)
        self.lanes, self.state, self.store, self.spare, self.limit, self.is_refused = 0, 0, 0, 0, limit, 0

    def make_room(self, net):
        """Make room for what the last rows needed."""
        if self.lanes > self.block.lanes:
            self.block.resize(net, self.lanes)
            self.side.resize(net, self.lanes)
        work = self.work
        now = len(work.state), len(work.store), len(work.spare), len(work.gradient)
        wanted = self.state, self.store, self.spare, self.lanes
        if any(need > size for need, size in zip(wanted, now, strict=True)):
            work.grow(net, *map(max, wanted, now))


def fits(desk, block, plan, n_rows):
    """Whether there is room for rows; if not, or if they pass the limit, the desk says what they need."""
    desk.lanes = block.strata * n_rows
    desk.state = plan.size * n_rows
    desk.store = plan.room * n_rows
    desk.spare = plan.spare * n_rows
    desk.is_refused = plan.size + plan.room + plan.spare + 64 * block.strata > desk.limit
    if desk.is_refused:
        return False
    return not (
        desk.lanes > block.lanes
        or desk.lanes > desk.work.gradient.shape[0]
        or desk.state > desk.work.state.shape[0]
        or desk.store > desk.work.store.shape[0]
        or desk.spare > desk.work.spare.shape[0]
    )


def load(net, codes, r, i, desk):
    """Copy row r of the evidence to place i of the desk."""
    for v in range(codes.shape[1]):
        desk.said[i, v] = codes[r, v]
    for v in range(codes.shape[1], net.n_nodes):
        desk.said[i, v] = names.UNKNOWN


def prepare(net, numbers, codes, r, want, desk):
    """Load row r, and choose the plan of its pattern."""
    load(net, codes, r, 0, desk)
    reading.read_pattern(net, numbers, 0, desk.said, 0, want, desk.block)
    order.choose(net, desk.block, desk.plan, want)


def begin(net, numbers, codes, rows, first, n_rows, want, desk):
    """Prepare the rows of a pattern, from `first` on; returns how many a block should have, 0 if there is no room."""
    prepare(net, numbers, codes, rows[first], want, desk)
    at_once = max(min(n_rows, names.MOST_LANES // desk.block.strata, names.BLOCK_CELLS // desk.plan.size), 1)
    return at_once if fits(desk, desk.block, desk.plan, at_once) else 0


def first_fault(net, codes):
    """Return the number of the first cell of some evidence that is neither a state nor -1; -1 if all are right."""
    for r in range(codes.shape[0]):
        for v in range(codes.shape[1]):
            if codes[r, v] < names.UNKNOWN or codes[r, v] >= net.span_at[v + 1] - net.span_at[v]:
                return r * codes.shape[1] + v
    return -1


def run_length(same, first, last):
    """Return how many rows from `first` on have one pattern."""
    at = first + 1
    while at < last and same[at]:
        at += 1
    return at - first


def read_and_run(net, numbers, s, desk, block, plan, first, n_rows, careful):
    """Read rows of the desk into a block, and sweep forward."""
    reading.read_pattern(net, numbers, s, desk.said, first, plan.want, block)
    for i in range(n_rows):
        reading.read_row(net, numbers, s, desk.said, first + i, i, block)
    sweep.forward(net, block, plan, desk.work, n_rows, careful, False)


def log_total(block, plan, work, i):
    """Return ln P(evidence) of a row of a block after a forward sweep."""
    if not work.total[i] > 0.0 or block.constant[i] <= IMPOSSIBLE:
        return IMPOSSIBLE
    logs = block.constant[i] + math.log(work.total[i])
    for t in range(plan.n_steps):
        if work.power[t] != 1.0:
            logs -= math.log(work.power[t])
    return logs


def log_shared(desk, i):
    """Return ln P(evidence) of a row of the desk's block, which is to be shared out by a backward sweep."""
    logs = log_total(desk.block, desk.plan, desk.work, i)
    return logs if logs - desk.block.constant[i] >= LEAST else IMPOSSIBLE


def weigh(net, numbers, s, desk, block, plan, n_rows):
    """Fill `desk.logs` with ln P(evidence) of the rows of the desk; what is tiny is computed again with care."""
    read_and_run(net, numbers, s, desk, block, plan, 0, n_rows, False)
    for i in range(n_rows):
        desk.logs[i] = log_total(block, plan, desk.work, i) if desk.work.total[i] >= TINY else 1.0
    for i in range(n_rows):
        if desk.logs[i] == 1.0:
            read_and_run(net, numbers, s, desk, block, plan, i, 1, True)
            desk.logs[i] = log_total(block, plan, desk.work, 0)


def plan_cost(net, numbers, codes, desk):
    """Return how many numbers the posteriors of row 0 read and write: those of the network, and by its plan."""
    prepare(net, numbers, codes, 0, names.MARGINALS, desk)
    return desk.plan.cost + net.n_slots * desk.block.strata


# ln P(evidence)


def weigh_rows(net, numbers, codes, rows, same, first, last, stride, desk, logs):
    """Fill logs[s * stride + r] with ln P(row r) under each set; returns where it stopped. See `answer_rows`."""
    done = first
    while done < last:
        stop = done + run_length(same, done, last)
        at_once = begin(net, numbers, codes, rows, done, stop - done, names.EVIDENCE, desk)
        if at_once == 0:
            return done
        while done < stop:
            n_rows = min(at_once, stop - done)
            for i in range(n_rows):
                load(net, codes, rows[done + i], i, desk)
            for s in range(numbers.n_sets):
                weigh(net, numbers, s, desk, desk.block, desk.plan, n_rows)
                for i in range(n_rows):
                    logs[s * stride + rows[done + i]] = desk.logs[i]
            done += n_rows
    return done


# Posteriors


def answer_rows(net, numbers, codes, rows, same, first, last, stride, first_group, desk, out):
    """Answer rows[first:last] under every parameter set.

    Parameters
    ----------
    codes : (n, n_columns)
        Evidence: the state of each node, by number; -1 where it is unknown.
    rows : (n_rows,)
        Numbers of the rows to answer, those of one pattern next to each other.
    same : (n_rows,)
        Whether a row has the pattern of the one before.
    stride : int
        The answer to row r under set s stands in column s * stride + r of `out`.
    first_group : int
        Number of the first group that is asked about; so are those behind it.
    out : (n_causes + 1 + n_groups - first_group + 1, n)
        P(cause | evidence) of each, P(none | evidence), P(some member of the group | evidence) of each that is asked
        about, ln P(evidence).

    Returns
    -------
    int
        `last`, or the place of the first row for which there is no room, or that passes the limit.
    """
    done = first
    while done < last:
        stop = done + run_length(same, done, last)
        at_once = begin(net, numbers, codes, rows, done, stop - done, names.MARGINALS, desk)
        if at_once == 0:
            return done
        while done < stop:
            n_rows = min(at_once, stop - done)
            for i in range(n_rows):
                load(net, codes, rows[done + i], i, desk)
            for s in range(numbers.n_sets):
                answer_block(net, numbers, s, rows, done, n_rows, stride, first_group, desk, out)
            for g in range(first_group, net.n_groups):
                if not answer_rare(net, numbers, g, rows, done, n_rows, stride, first_group, desk, out):
                    return done
            done += n_rows
    return done


def answer_block(net, numbers, s, rows, first, n_rows, stride, first_group, desk, out):
    """Answer the rows on the desk under one parameter set; those that are tiny once more, each by itself, with care."""
    read_and_run(net, numbers, s, desk, desk.block, desk.plan, 0, n_rows, False)
    for i in range(n_rows):
        desk.logs[i] = desk.work.total[i]
    finish(net, rows, first, n_rows, 0, s * stride, desk, out)
    leave_groups(net, rows, first, n_rows, s * stride, first_group, desk, False, out)
    for i in range(n_rows):
        if not desk.logs[i] >= TINY:
            read_and_run(net, numbers, s, desk, desk.block, desk.plan, i, 1, True)
            finish(net, rows, first + i, 1, i, s * stride, desk, out)
            leave_groups(net, rows, first + i, 1, s * stride, first_group, desk, True, out)
            answer_none(net, numbers, s, i, s * stride + rows[first + i], desk, out)


def leave_groups(net, rows, first, n_rows, column, first_group, desk, careful, out):
    """Write 1 - P(no member | evidence) of each group: a sweep in which the evidence says that none is present."""
    last = out.shape[0] - 1
    for g in range(first_group, net.n_groups):
        end_members(net, desk.block, desk.work, net.first_group + g, n_rows, 1)
        sweep.forward(net, desk.block, desk.plan, desk.work, n_rows, careful, True)
        for i in range(n_rows):
            at = column + rows[first + i]
            share = 0.0
            if out[last, at] > IMPOSSIBLE and desk.said[0, net.first_group + g] != names.UNKNOWN:
                share = desk.said[0, net.first_group + g]  # to the last digit; the rows have one pattern
            elif out[last, at] > IMPOSSIBLE:
                share = math.exp(min(log_total(desk.block, desk.plan, desk.work, i) - out[last, at], 0.0))
                share = 1.0 - share
            out[net.n_causes + 1 + g - first_group, at] = share
        end_members(net, desk.block, desk.work, net.first_group + g, n_rows, 0)


def end_members(net, block, work, g, n_rows, absent):
    """Let the evidence say that no member of a group is present, or (`absent` False) what it said before."""
    n = net.in_at[g + 1] - net.in_at[g]
    for i in range(n):
        # Back in the other order, so that a weight ends as it was before the first member.
        v = net.source[net.in_at[g] + (i if absent else n - 1 - i)]
        block.silent[v] = absent
        for x in range(n_rows * block.strata):
            if not absent and block.active[v]:
                block.end[v, 1, x] = work.sums[v, 0, x]
            elif not absent:
                block.weight[x] = work.sums[v, 0, x]
            elif block.active[v]:
                work.sums[v, 0, x] = block.end[v, 1, x]
                block.end[v, 1, x] = 0.0
            else:
                work.sums[v, 0, x] = block.weight[x]
                none = block.start[v, 0, x] * block.end[v, 0, x]
                either = none + block.start[v, 1, x] * block.end[v, 1, x]
                block.weight[x] *= none / either if either > 0.0 else 0.0


def finish(net, rows, first, n_rows, at, column, desk, out):
    """Sweep back, and write the posteriors of the causes, P(none) and ln P(evidence) of the rows from `at` on."""
    unknown = 0
    last = out.shape[0] - 1
    for i in range(n_rows):
        place = column + rows[first + i]
        out[last, place] = log_shared(desk, i)
        desk.work.gradient[i] = 1.0 / desk.work.total[i] if out[last, place] > IMPOSSIBLE else 0.0
        none = 0.0
        for x in range(i * desk.block.strata, (i + 1) * desk.block.strata):
            none += desk.block.none[x]
        out[net.n_causes, place] = min(none * desk.work.gradient[i], 1.0)
    sweep.backward(net, desk.block, desk.plan, desk.work, n_rows)
    for k in range(net.n_causes):
        for i in range(n_rows):
            known = desk.said[at + i, net.n_contexts + k]
            share = counts.cause_share(net, desk.block, desk.plan, desk.work, k, i, 1)
            if known != names.UNKNOWN and out[last, column + rows[first + i]] > IMPOSSIBLE:
                share = known  # to the last digit
            out[k, column + rows[first + i]] = min(share, 1.0)
            unknown += known != 0
    if unknown == 0:
        for i in range(n_rows):
            out[net.n_causes, column + rows[first + i]] = (
                1.0 if out[last, column + rows[first + i]] > IMPOSSIBLE else 0.0
            )


def answer_none(net, numbers, s, i, column, desk, out):
    """Write P(none) of a row of the desk as the share of the row in which all causes are absent, computed with care."""
    last = out.shape[0] - 1
    if out[last, column] <= IMPOSSIBLE:
        return
    for v in range(net.n_nodes):
        desk.said[names.MOST_LANES, v] = desk.said[i, v]
    for v in range(net.n_contexts, net.first_finding):
        if desk.said[i, v] == 1:
            return
        desk.said[names.MOST_LANES, v] = 0
    reading.read_pattern(net, numbers, s, desk.said, names.MOST_LANES, names.EVIDENCE, desk.side)
    order.choose(net, desk.side, desk.side_plan, names.EVIDENCE)
    read_and_run(net, numbers, s, desk, desk.side, desk.side_plan, names.MOST_LANES, 1, True)
    logs = log_total(desk.side, desk.side_plan, desk.work, 0)
    out[net.n_causes, column] = min(math.exp(logs - out[last, column]), 1.0)


def answer_rare(net, numbers, g, rows, first, n_rows, stride, first_group, desk, out):
    """Write P(some member of a group | evidence) where it is small; returns False if there is no room.

    As 1 - P(none of them) it has few digits then: some member is asked for as if it were a finding that is present.
    """
    last = out.shape[0] - 1
    asked = desk.said[0, net.first_group + g]
    if asked != names.UNKNOWN:
        return True
    rare = False
    for s in range(numbers.n_sets):
        for i in range(n_rows):
            at = s * stride + rows[first + i]
            rare = rare or (out[net.n_causes + 1 + g - first_group, at] < RARE and out[last, at] > IMPOSSIBLE)
    if not rare:
        return True
    for i in range(n_rows):
        desk.said[i, net.first_group + g] = 1
    reading.read_pattern(net, numbers, 0, desk.said, 0, names.EVIDENCE, desk.side)
    order.choose(net, desk.side, desk.side_plan, names.EVIDENCE)
    found = fits(desk, desk.side, desk.side_plan, n_rows)
    if found:
        for s in range(numbers.n_sets):
            weigh(net, numbers, s, desk, desk.side, desk.side_plan, n_rows)
            for i in range(n_rows):
                at = s * stride + rows[first + i]
                if out[net.n_causes + 1 + g - first_group, at] < RARE and out[last, at] > IMPOSSIBLE:
                    log_share = desk.logs[i] - out[last, at]
                    out[net.n_causes + 1 + g - first_group, at] = (
                        math.exp(log_share) if desk.logs[i] > IMPOSSIBLE else 0.0
                    )
    for i in range(n_rows):
        desk.said[i, net.first_group + g] = names.UNKNOWN
    return found


# Expected counts, and what each number would make of P(evidence)


def count_rows(net, numbers, codes, rows, same, weights, each, first, last, desk, logs, slots):
    """Add what rows[first:last] say of each slot to `slots`; see `counts.add`.

    Parameters
    ----------
    weights : (n,)
        How often each row counts.
    each : bool
        Whether each row has counts of its own, in the row of its number.
    logs : (n,)
        Filled with ln P(row).
    """
    done = first
    while done < last:
        stop = done + (1 if each else run_length(same, done, last))
        at_once = begin(net, numbers, codes, rows, done, stop - done, names.COUNTS, desk)
        if at_once == 0:
            return done
        while done < stop:
            n_rows = min(at_once, stop - done)
            for i in range(n_rows):
                load(net, codes, rows[done + i], i, desk)
            into = rows[done] if each else 0
            count_block(net, numbers, rows, weights, done, n_rows, into, desk, logs, slots)
            done += n_rows
    return done


def count_block(net, numbers, rows, weights, first, n_rows, into, desk, logs, slots):
    """Count the rows on the desk; those that are tiny once more, each by itself, with care."""
    read_and_run(net, numbers, 0, desk, desk.block, desk.plan, 0, n_rows, False)
    for i in range(n_rows):
        desk.logs[i] = desk.work.total[i]
    count_swept(net, numbers, rows, weights, first, n_rows, 0, into, desk, TINY, logs, slots)
    for i in range(n_rows):
        if not desk.logs[i] >= TINY:
            read_and_run(net, numbers, 0, desk, desk.block, desk.plan, i, 1, True)
            count_swept(net, numbers, rows, weights, first + i, 1, i, into, desk, 0.0, logs, slots)


def count_swept(net, numbers, rows, weights, first, n_rows, at, into, desk, least, logs, slots):
    """Sweep back, and add the counts of the rows that are not less probable than `least`."""
    for i in range(n_rows):
        logs[rows[first + i]] = log_shared(desk, i)
        counted = desk.work.total[i] >= least and logs[rows[first + i]] > IMPOSSIBLE
        desk.work.gradient[i] = weights[rows[first + i]] / desk.work.total[i] if counted else 0.0
    sweep.backward(net, desk.block, desk.plan, desk.work, n_rows)
    counts.add(net, numbers, desk.said, at, desk.block, desk.plan, desk.work, n_rows, into, slots)


def differentiate(net, numbers, codes, r, desk, slots):
    """Fill what row r makes of each slot of parameter set 0.

    All of it is in shares of P(row); or, where that is 0, in units of exp(`desk.logs[0]`).

    Returns
    -------
    float
        ln P(row), `IMPOSSIBLE` where it is 0; 1 where there is no room.
    """
    prepare(net, numbers, codes, r, names.ENDS, desk)
    if not fits(desk, desk.block, desk.plan, 1):
        return 1.0
    read_and_run(net, numbers, 0, desk, desk.block, desk.plan, 0, 1, True)
    logs = log_shared(desk, 0)
    desk.logs[0] = logs
    desk.work.gradient[0] = 1.0
    if logs > IMPOSSIBLE:
        desk.work.gradient[0] = 1.0 / desk.work.total[0]
    else:
        desk.logs[0] = desk.block.constant[0]
        for t in range(desk.plan.n_steps):
            desk.logs[0] -= math.log(desk.work.power[t])
    sweep.backward(net, desk.block, desk.plan, desk.work, 1)
    counts.add(net, numbers, desk.said, 0, desk.block, desk.plan, desk.work, 1, 0, slots)
    return logs
