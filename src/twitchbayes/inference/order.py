"""The order in which nodes are opened, linked and closed, so that few are open at once; and what that costs.

Nodes with live links between them are a graph. To *complete* a node means: open it and those of its neighbours that are
not open yet, let all links between it and them fire, and close every node that has no link left. Completing a cause
carries "fired" bits of its findings onward; completing a finding carries "present" bits of its causes. So the number of
open bits is bounded by about the smaller of the numbers of causes and of positive findings, and is often far below.

A cause is opened once all contexts, and causes that exclude it, can act on it, and at once, so that its links to
findings come after those into it. Its events are opened with it, together with all that they, and the links that set
them, lead to: so they are closed at once. When no node is left whose start differs between the strata of a row, the
strata are added up.
"""

import twitchbayes.inference.arrays as arrays
import twitchbayes.inference.names as names

DEAR = 20000.0  # numbers read and written, from which on to look for a better order is worth it


class Plan:
    """Steps for the rows of a pattern, and what they cost.

    Attributes
    ----------
    steps : (n_steps, 6)
        Kind, node, bit, first and last + 1 of its entries in `links`, place in the store (-1: nothing is kept).
    links, bits, event_bits : (n_links,)
        Links of the LINKS and STOP steps, the bits of their targets, and of the events that they set (-1: none).
    late, ends_late : (n_nodes,)
        Whether a node is opened, and closed, after the strata have been added up.
    width : int
        Most bits open at once.
    spares : int
        Whether what a link does where it does not fire is wanted of each.
    size, room, spare : int
        Numbers of the largest state, of the store, and of the half states between the links of a node (ENDS), for a
        row.
    cost : float
        Numbers read and written in a forward pass, for one row.
    """

    def __init__(self, net):
        self.steps = arrays.integers(4 * net.n_nodes + 2 * net.n_links + 2, 6)
        self.links, self.bits, self.event_bits = (arrays.integers(net.n_links + 1) for _ in range(3))
        self.status, self.bit, self.left = (arrays.integers(net.n_nodes) for _ in range(3))
        self.late, self.ends_late = arrays.integers(net.n_nodes), arrays.integers(net.n_nodes)
        self.at_bit, self.linked = arrays.integers(net.n_nodes + 1), arrays.integers(net.n_links)
        self.n_steps, self.n_links, self.width, self.open, self.room, self.size, self.spare = 0, 0, 0, 0, 0, 0, 0
        self.lanes, self.sums, self.varying, self.want, self.spares, self.cost = 1, 0, 0, 0, 0, 0.0


def choose(net, block, plan, want):
    """Plan a pattern: as the nodes are listed if that is cheap, else by the cheapest way of all."""
    make(net, block, plan, names.LISTED, want)
    if plan.cost > DEAR:
        best = names.LISTED
        least = plan.cost
        for way in range(names.GREEDY, names.CAUSES + 1):
            if way == names.GREEDY or least > 5.0 * DEAR:
                make(net, block, plan, way, want)
                if plan.cost < least:
                    least = plan.cost
                    best = way
        make(net, block, plan, best, want)


def make(net, block, plan, way, want):
    """Fill `plan` for a pattern, in one of the ways to choose what is completed next."""
    begin(net, block, plan, want)
    if way == names.LISTED:
        if net.n_described and block.active[net.background]:
            complete(net, block, plan, net.background)
        for varies in range(names.VARIES, names.STEADY - 1, -1):
            for i in range(block.n_nodes):
                v = block.nodes[i]
                if net.kind[v] == names.CAUSE and block.active[v] == varies and plan.status[v] != names.CLOSED:
                    complete(net, block, plan, v)
    v = next_node(net, block, plan, way)
    while v >= 0:
        complete(net, block, plan, v)
        v = next_node(net, block, plan, way)
    for i in range(block.n_nodes):
        v = block.nodes[i]
        if plan.status[v] == names.WAITING:  # nothing hangs on it
            enter(net, block, plan, v)
            close_done(plan)


def begin(net, block, plan, want):
    """Begin an empty plan."""
    plan.n_steps, plan.n_links, plan.width, plan.open, plan.room, plan.size, plan.spare = 0, 0, 0, 0, 0, block.strata, 0
    plan.lanes, plan.sums, plan.varying, plan.want, plan.cost = block.strata, 0, 0, want, 0.0
    plan.spares = want == names.ENDS or (want == names.COUNTS and block.is_graded)
    for i in range(block.n_nodes):
        v = block.nodes[i]
        plan.status[v] = names.WAITING
        plan.left[v] = 0
        plan.varying += block.active[v] == names.VARIES
    for i in range(block.n_links):
        e = block.links[i]
        plan.linked[e] = 0
        plan.left[net.source[e]] += 1
        plan.left[net.target[e]] += 1
        if block.joint[e] >= 0:
            plan.left[block.joint[e]] += 1
    add_strata(plan)


def next_node(net, block, plan, way):
    """Return the best node to complete next, -1 if no link is left."""
    best = -1
    least = 0
    for i in range(block.n_nodes):
        v = block.nodes[i]
        if plan.status[v] == names.CLOSED or plan.left[v] == 0:
            continue
        if (way == names.CAUSES and net.kind[v] != names.CAUSE) or (
            way == names.FINDINGS and net.kind[v] < names.FINDING
        ):
            continue
        score = score_of(net, block, plan, v)
        if way == names.VARYING and block.active[v] == names.VARIES:
            score -= 100000
        if best < 0 or score < least:
            best = v
            least = score
    if best < 0 and way >= names.FINDINGS:  # only nodes of other kinds are left
        return next_node(net, block, plan, names.GREEDY)
    return best


def score_of(net, block, plan, v):
    """Return how bad it is to complete a node now: bits that it opens, less a share of those that it lets close."""
    opens = 0 if plan.status[v] == names.OPENED else 1
    brief = 0
    closes = 1
    n_in = net.in_at[v + 1] - net.in_at[v]
    for i in range(n_in + block.from_last[v] - block.from_first[v]):
        if i < n_in:
            e = net.in_at[v] + i
            u = net.source[e]
        else:
            e = block.from_links[block.from_first[v] + i - n_in]
            u = net.target[e]
        if not block.live[e] or plan.linked[e]:
            continue
        if plan.left[u] == 1:
            closes += 1
            if plan.status[u] == names.WAITING:
                brief = 1  # opened and closed at once
                closes -= 1
        elif plan.status[u] == names.WAITING:
            opens += 1
    return 64 * (opens + brief) - 8 * closes


def complete(net, block, plan, v):
    """Open a node and its neighbours, link them, and close what has no link left."""
    if net.kind[v] == names.EVENT:
        v = net.source[net.in_at[v]]
    if net.kind[v] == names.CAUSE or net.kind[v] == names.BACKGROUND:
        complete_cause(net, block, plan, v)
        return
    if plan.status[v] == names.WAITING:
        enter(net, block, plan, v)
    if net.kind[v] == names.CONTEXT:
        for i in range(block.from_first[v], block.from_last[v]):
            e = block.from_links[i]
            if not plan.linked[e]:
                enter(net, block, plan, net.target[e])
                close_done(plan)
        return
    for e in range(net.in_at[v], net.in_at[v + 1]):
        if block.live[e] and not plan.linked[e]:
            u = net.source[e]
            if net.kind[u] == names.EVENT:
                u = net.source[net.in_at[u]]
            if plan.status[u] == names.WAITING:
                enter(net, block, plan, u)
            link_open(net, block, plan, u)
            close_done(plan)


def complete_cause(net, block, plan, v):
    """Complete a cause: first the findings that stay open, below it; then those that close at once, one by one."""
    for i in range(block.from_first[v], block.from_last[v]):
        e = block.from_links[i]
        u = net.target[e]
        waits = plan.status[u] == names.WAITING and plan.left[u] > 1
        if not plan.linked[e] and is_effect(net, u) and waits:
            enter(net, block, plan, u)
    if plan.status[v] == names.WAITING:
        enter(net, block, plan, v)
    link_open(net, block, plan, v)
    close_done(plan)
    for i in range(block.from_first[v], block.from_last[v]):
        e = block.from_links[i]
        if not plan.linked[e]:
            if plan.status[net.target[e]] == names.WAITING:
                enter(net, block, plan, net.target[e])
            link_open(net, block, plan, v)
            close_done(plan)


def is_effect(net, v):
    """Whether a node is a finding, or a union or group."""
    return names.FINDING <= net.kind[v] <= names.GROUP


def enter(net, block, plan, v):
    """Open a node; a cause once all that acts on it is open, and let that act; and its events with it."""
    acted_on = False
    has_events = False
    if net.n_described and (net.kind[v] == names.CAUSE or net.kind[v] == names.BACKGROUND):
        has_events = open_effects(net, block, plan, v)
    if net.kind[v] == names.CAUSE:
        for e in range(net.in_at[v], net.in_at[v + 1]):
            if block.live[e]:
                acted_on = True
                if plan.status[net.source[e]] == names.WAITING:
                    enter(net, block, plan, net.source[e])
    open_node(net, block, plan, v, acted_on)
    if acted_on:
        for inhibits in range(2):
            for e in range(net.in_at[v], net.in_at[v + 1]):
                if block.live[e] and net.inhibits[e] == inhibits:
                    add_step(plan, names.STOP if inhibits else names.LINKS, net.source[e], -1)
                    add_link(net, block, plan, e)
                    if plan.want >= names.COUNTS and not inhibits:
                        keep_half(plan)
    if acted_on or net.kind[v] == names.CONTEXT:
        tell_share(plan, v)
    if has_events:
        run_events(net, block, plan, v)


def tell_share(plan, v):
    """Add a step without links: what is kept there tells P(v present), and P(v absent)."""
    add_step(plan, names.LINKS, v, -1)
    keep_half(plan)
    if plan.want == names.ENDS:
        plan.room += plan.lanes << min(plan.open - 1, 40)


def open_effects(net, block, plan, v):
    """Open all that the events of a cause, and the links that set them, lead to; returns whether it has events."""
    has_events = False
    for i in range(block.from_first[v], block.from_last[v]):
        e = block.from_links[i]
        if block.joint[e] >= 0 and plan.status[net.target[e]] == names.WAITING:
            enter(net, block, plan, net.target[e])
    for i in range(net.out_at[v], net.out_at[v + 1]):
        u = net.target[net.out[i]]
        if net.kind[u] == names.EVENT and block.active[u]:
            has_events = True
            for j in range(block.from_first[u], block.from_last[u]):
                if plan.status[net.target[block.from_links[j]]] == names.WAITING:
                    enter(net, block, plan, net.target[block.from_links[j]])
    return has_events


def run_events(net, block, plan, v):
    """Open the events of a cause, let its links set them, and let them act."""
    for i in range(net.out_at[v], net.out_at[v + 1]):
        u = net.target[net.out[i]]
        if net.kind[u] == names.EVENT and block.active[u]:
            open_node(net, block, plan, u, True)
    link_open(net, block, plan, v)
    for i in range(net.out_at[v], net.out_at[v + 1]):
        u = net.target[net.out[i]]
        if net.kind[u] == names.EVENT and block.active[u]:
            if plan.want >= names.COUNTS:
                tell_share(plan, u)
            link_open(net, block, plan, u)


def open_node(net, block, plan, v, acted_on):
    """Add the step that opens a node. What a backward pass needs of it is the state before."""
    keeps = (plan.want >= names.COUNTS or (net.kind[v] == names.CAUSE and not acted_on)) and net.kind[v] < names.EVENT
    plan.status[v] = names.OPENED
    plan.bit[v] = plan.open
    plan.at_bit[plan.open] = v
    plan.late[v] = plan.sums
    plan.cost += 3.0 * (plan.lanes << min(plan.open, 40))
    add_step(plan, names.OPEN, v, plan.room if keeps else -1)
    if keeps:
        plan.room += plan.lanes << min(plan.open, 40)
    plan.open += 1
    plan.width = max(plan.width, plan.open)
    plan.size = max(plan.size, plan.lanes << min(plan.open, 40))
    if block.active[v] == names.VARIES:
        plan.varying -= 1
        add_strata(plan)


def link_open(net, block, plan, v):
    """Let all links of a node fire whose targets are open."""
    began = False
    for i in range(block.from_first[v], block.from_last[v]):
        e = block.from_links[i]
        if not plan.linked[e] and not net.inhibits[e] and plan.status[net.target[e]] == names.OPENED:
            if not began:
                add_step(plan, names.LINKS, v, -1)
                began = True
            add_link(net, block, plan, e)
    if plan.want >= names.COUNTS and began:
        keep_half(plan)


def keep_half(plan):
    """Let the last step keep the half of the state in which its node is present."""
    plan.steps[plan.n_steps - 1, names.PLACE] = plan.room
    plan.room += plan.lanes << min(plan.open - 1, 40)


def close_done(plan):
    """Close the open nodes that have no link left, the highest bits first."""
    for b in range(plan.open - 1, -1, -1):
        v = plan.at_bit[b]
        if plan.left[v] == 0:
            add_step(plan, names.CLOSE, v, -1)
            plan.cost += plan.lanes << min(plan.open, 40)
            plan.status[v] = names.CLOSED
            plan.ends_late[v] = plan.sums
            plan.open -= 1
            for i in range(b, plan.open):
                plan.at_bit[i] = plan.at_bit[i + 1]
                plan.bit[plan.at_bit[i]] = i


def add_strata(plan):
    """Add up the strata once no node that waits differs between them."""
    if plan.varying == 0 and plan.lanes > 1:
        add_step(plan, names.SUM, 0, -1)
        plan.cost += plan.lanes << min(plan.open, 40)
        plan.lanes = 1
        plan.sums = 1


def add_step(plan, kind, v, place):
    """Add a step."""
    t = plan.n_steps
    plan.steps[t, names.KIND] = kind
    plan.steps[t, names.NODE] = v
    plan.steps[t, names.BIT] = plan.bit[v]
    plan.steps[t, names.FIRST] = plan.n_links
    plan.steps[t, names.LAST] = plan.n_links
    plan.steps[t, names.PLACE] = place
    plan.n_steps += 1


def add_link(net, block, plan, e):
    """Add a link to the last step."""
    plan.links[plan.n_links] = e
    plan.bits[plan.n_links] = plan.bit[net.target[e]]
    plan.event_bits[plan.n_links] = -1
    if block.joint[e] >= 0:
        plan.event_bits[plan.n_links] = plan.bit[block.joint[e]]
        plan.left[block.joint[e]] -= 1
    plan.n_links += 1
    plan.steps[plan.n_steps - 1, names.LAST] = plan.n_links
    if plan.spares:
        half = plan.lanes << min(plan.open - 1, 40)
        plan.spare = max(plan.spare, half * (plan.n_links - plan.steps[plan.n_steps - 1, names.FIRST]))
    plan.linked[e] = 1
    plan.left[net.source[e]] -= 1
    plan.left[net.target[e]] -= 1
    plan.cost += 1.5 * (plan.lanes << min(plan.open - 1, 40))
