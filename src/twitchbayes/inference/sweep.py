"""The sweep over the nodes of a plan: forward it gives P(evidence), backward the derivatives of it.

All terms are positive, so that no digit is lost to a difference. The forward sweep keeps in a store what the backward
one needs; how much that is depends on what is wanted (EVIDENCE, MARGINALS, COUNTS, ENDS).
"""

import twitchbayes.inference.arrays as arrays
import twitchbayes.inference.moves as moves
import twitchbayes.inference.names as names


class Work:
    """The arrays of a sweep, one set for each thread.

    Attributes
    ----------
    state, store, spare : flat
        The state, what a backward sweep needs, and a part of it once more.
    power : (n_steps,)
        By which the state was multiplied after a step, a power of two.
    total : (lanes,)
        P(evidence, row), without what is constant, times all of `power`.
    gradient : (lanes,)
        After a backward sweep: the derivative by the weight of a lane.
    sums : (n_nodes, 2, lanes)
        dP / d(start absent), dP / d(start present) of the nodes.
    halves : (n_nodes, 2, rows)
        P(node present, evidence), and where ENDS are wanted P(node absent, evidence), of contexts and of causes on
        which other nodes act.
    linked : (n_links, 3)
        Of each live link: sums over the subsets in which it fires while its target is still absent; the same while it
        is present already; and (ENDS) in which it does not fire and its target stays absent. Of a link that sets an
        event: over all subsets in which it fires; 0; over all in which it does not. Of a link into an event the last
        is over all in which it does not fire.
    """

    def __init__(self, net, state=1 << 12, store=1 << 14, lanes=32):
        self.power = arrays.doubles(4 * net.n_nodes + 2 * net.n_links + 2)
        self.linked = arrays.doubles(net.n_links, 3)
        self.grow(net, state, store, 1, lanes)

    def grow(self, net, state, store, spare, lanes):
        """Make room."""
        self.state, self.store, self.spare = arrays.doubles(state), arrays.doubles(store), arrays.doubles(spare)
        self.total, self.gradient = arrays.doubles(lanes), arrays.doubles(lanes)
        self.sums, self.halves = arrays.doubles(net.n_nodes, 2, lanes), arrays.doubles(net.n_nodes, 2, lanes)


def forward(net, block, plan, work, rows, careful, again):
    """Run a plan over the rows of a block; fills `work.total`.

    Parameters
    ----------
    careful : bool
        Whether the state is rescaled on the way, so that it does not underflow.
    again : bool
        Whether the block has been gone through before, with other ends: nothing is kept for a backward sweep.
    """
    strata = block.strata
    lanes = rows * strata
    size = lanes
    for x in range(lanes):
        work.state[x] = block.weight[x]
    t = -1
    while t + 1 < plan.n_steps:
        t += 1
        kind = plan.steps[t, names.KIND]
        v = plan.steps[t, names.NODE]
        run = lanes << plan.steps[t, names.BIT]
        place = -1 if again else plan.steps[t, names.PLACE] * rows
        work.power[t] = 1.0
        if kind == names.OPEN and block.silent[v] and is_brief(plan, t):
            moves.leave_out(work.state, size, lanes, block.start, block.end, v)
            work.power[t + 1] = 1.0
            work.power[t + 2] = 1.0
            t += 2
        elif kind == names.OPEN:
            if place >= 0:
                moves.keep(work.store, place, work.state, size)
            moves.open_node(work.state, size, lanes, block.start, v, is_same(net, block, v, lanes, rows))
            size *= 2
        elif kind == names.LINKS:
            if place >= 0:
                moves.keep_half(work.store, place, work.state, size, run, 1)
                if plan.want == names.ENDS and plan.steps[t, names.FIRST] == plan.steps[t, names.LAST]:
                    moves.keep_half(work.store, place + size // 2, work.state, size, run, 0)
            for i in range(plan.steps[t, names.FIRST], plan.steps[t, names.LAST]):
                e = plan.links[i]
                target = lanes << plan.bits[i]
                if plan.event_bits[i] < 0:
                    moves.link(work.state, size, run, target, block.fires[e], block.spares[e])
                else:
                    event = lanes << plan.event_bits[i]
                    moves.link_both(work.state, size, run, target, event, block.fires[e], block.spares[e])
        elif kind == names.STOP:
            for i in range(plan.steps[t, names.FIRST], plan.steps[t, names.LAST]):
                moves.link(work.state, size, run, -(lanes << plan.bits[i]), 1.0, 0.0)
        elif kind == names.SUM:
            moves.add_strata(work.state, size, strata)
            size //= strata
            lanes = rows
            if not again:
                compress(net, block, plan, rows)
            strata = 1
        else:
            if names.FINDING <= net.kind[v] <= names.GROUP:
                moves.take_half(work.state, size, run, 1 - block.waits[v])
            else:
                same = lanes if net.kind[v] >= names.EVENT else strata
                moves.close_node(work.state, size, lanes, same, run, block.end, v)
            size //= 2
            if careful:
                work.power[t] = moves.rescale(work.state, size)
    for r in range(rows):
        work.total[r] = 0.0
        for x in range(r * strata, (r + 1) * strata):
            work.total[r] += work.state[x]


def is_brief(plan, t):
    """Whether a node is opened, linked and closed in three steps."""
    v = plan.steps[t, names.NODE]
    return (
        t + 2 < plan.n_steps
        and plan.steps[t + 1, names.KIND] == names.LINKS
        and plan.steps[t + 1, names.NODE] == v
        and plan.steps[t + 2, names.KIND] == names.CLOSE
        and plan.steps[t + 2, names.NODE] == v
    )


def is_same(net, block, v, lanes, rows):
    """Whether the start of a node is the same in all lanes."""
    return lanes == 1 or net.kind[v] >= names.FINDING or (rows == 1 and block.active[v] != names.VARIES)


def compress(net, block, plan, rows):
    """Let the nodes that are still to come have a lane a row: their numbers are the same in all strata of it."""
    for i in range(block.n_nodes):
        v = block.nodes[i]
        if net.kind[v] < names.FINDING:
            for r in range(rows):
                for half in range(2):
                    if plan.late[v]:
                        block.start[v, half, r] = block.start[v, half, r * block.strata]
                    if plan.ends_late[v]:
                        block.end[v, half, r] = block.end[v, half, r * block.strata]


def backward(net, block, plan, work, rows):
    """Run a plan back; work.gradient[row] is what P(evidence) of each row counts. Fills the sums of `work`."""
    strata = 1 if plan.sums else block.strata
    lanes = rows * strata
    size = lanes
    for r in range(rows):
        for x in range(r * strata, (r + 1) * strata):
            work.state[x] = work.gradient[r]
    for t in range(plan.n_steps - 1, -1, -1):
        kind = plan.steps[t, names.KIND]
        v = plan.steps[t, names.NODE]
        run = lanes << plan.steps[t, names.BIT]
        place = plan.steps[t, names.PLACE] * rows
        if kind == names.OPEN:
            size //= 2
            if place >= 0:
                moves.start_sums(work.store, place, work.state, size, lanes, work.sums, v, 1)
                if plan.want >= names.COUNTS:
                    moves.start_sums(work.store, place, work.state, size, lanes, work.sums, v, 0)
            moves.open_back(work.state, size, lanes, block.start, v, is_same(net, block, v, lanes, rows))
        elif kind == names.LINKS:
            links_back(net, block, plan, work, t, size, lanes, strata, place)
        elif kind == names.STOP:
            for i in range(plan.steps[t, names.FIRST], plan.steps[t, names.LAST]):
                moves.link_back(work.state, size, run, -(lanes << plan.bits[i]), 1.0, 0.0)
        elif kind == names.SUM:
            strata = block.strata
            lanes = rows * strata
            moves.strata_back(work.state, size, strata)
            size *= strata
        else:
            if work.power[t] != 1.0:
                for i in range(size):
                    work.state[i] *= work.power[t]
            if names.FINDING <= net.kind[v] <= names.GROUP:
                moves.put_half(work.state, size, run, 1 - block.waits[v])
            else:
                same = lanes if net.kind[v] >= names.EVENT else strata
                moves.close_back(work.state, size, lanes, same, run, block.end, v)
            size *= 2
    for x in range(rows * block.strata):
        work.gradient[x] = work.state[x]


def links_back(net, block, plan, work, t, size, lanes, strata, place):
    """Take a gradient back over the links of a node, and read off what is wanted of them."""
    first = plan.steps[t, names.FIRST]
    last = plan.steps[t, names.LAST]
    v = plan.steps[t, names.NODE]
    run = lanes << plan.steps[t, names.BIT]
    half = size // 2
    if plan.spares and place >= 0 and first < last:
        # The half state before each link, one after the other: the first is kept, each other follows from the last.
        moves.copy(work.store, place, work.spare, half)
        for i in range(first + 1, last):
            e = plan.links[i - 1]
            target = lanes << plan.bits[i - 1]
            on = target if target < run else target // 2
            if plan.event_bits[i - 1] < 0:
                moves.link_half(work.spare, half * (i - first), half, on, block.fires[e], block.spares[e])
            else:
                event = lanes << plan.event_bits[i - 1]
                too = event if event < run else event // 2
                moves.both_half(work.spare, half * (i - first), half, on, too, block.fires[e], block.spares[e])
    for i in range(last - 1, first - 1, -1):
        e = plan.links[i]
        target = lanes << plan.bits[i]
        event = lanes << plan.event_bits[i] if plan.event_bits[i] >= 0 else 0
        work.linked[e, 2] = 0.0
        if plan.spares and place >= 0:
            if event:
                work.linked[e, 2] = moves.both_sum(
                    work.spare, half * (i - first), work.state, size, run, target, event, False
                )
            else:
                again = net.kind[net.target[e]] == names.EVENT  # other links of this step lead there, too
                at = half * (i - first)
                work.linked[e, 2] = moves.spared_sum(work.spare, at, work.state, size, run, target, again)
        if event:
            moves.both_back(work.state, size, run, target, event, block.fires[e], block.spares[e])
        else:
            moves.link_back(work.state, size, run, target, block.fires[e], block.spares[e])
    if place >= 0:
        if first == last:
            moves.half_sums(work.store, place, work.state, size, lanes, strata, run, work.halves, v, 1)
            if plan.want == names.ENDS:
                moves.half_sums(work.store, place + half, work.state, size, lanes, strata, run, work.halves, v, 0)
        for i in range(first, last):
            e = plan.links[i]
            target = lanes << plan.bits[i]
            if plan.event_bits[i] < 0:
                moves.link_sums(work.store, place, work.state, size, run, target, work.linked, e)
            else:
                event = lanes << plan.event_bits[i]
                work.linked[e, 0] = moves.both_sum(work.store, place, work.state, size, run, target, event, True)
                work.linked[e, 1] = 0.0
