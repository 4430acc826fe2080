"""Evidence becomes a problem: which nodes must be summed over, which links between them are live, and their numbers.

    start[v, 0:2, lane]   P(node v absent), P(present) before any live link fires: its leak, and links of contexts
                          that are known, in the lanes, or of which no other cause hears
    end[v, 0:2, lane]     what the evidence says of it absent and present: 0 or 1 where it is stated; of a cause also
                          the product over the absent findings of P(its link does not fire)

That no parent raised a finding above a level is a factor of each of its causes and no node: of a binary finding, that
it is absent. That some parent raised it to a level is a node that must be present, with links that fire where they
raise it so far; so is a union that is present though none of its members is known to be, with links that are the ORs of
those of its open members. A cause without a live link stands *aside*: its sum is a factor of each lane. A cause that is known to
be absent has none.

Where something is said of what describes a finding, each cause of that finding has an event as a node: the links into
the finding set it, and where it is only one of several members of a union of which nothing is said, one link does whose
number is their OR. The links into what describes start there. That nothing raised this above a level is a factor of the
event.

Rows of one pattern (the same contexts unknown, the same findings positive, the same causes absent, the same members of
unions open) stand in a block beside each other: lane = row * strata + stratum.
"""

import math

import numpy as np

import twitchbayes.inference.arrays as arrays
import twitchbayes.inference.names as names

GROWTH = 2.0**332  # some 1e100


class Block:
    """Some rows of one pattern under one parameter set, as `read_pattern` and `read_row` fill it.

    Attributes
    ----------
    set, strata, lanes : int
        Parameter set; joint states of the unknown strata of each row; room for lanes of all rows together.
    nodes, links : (n_nodes,), (n_links,)
        The active nodes, and the live links between them.
    from_links, from_first, from_last : (n_links,), (n_nodes,), (n_nodes,)
        The live links from an active node v are from_links[from_first[v] : from_last[v]].
    active, varies, dropped, waits, silent : (n_nodes,)
        STEADY or VARIES of an active node; of any context or cause, whether its start differs between strata; of a
        cause, whether it is known to be absent and has no links; of an absent finding, whether it is a node all the
        same; of a cause, whether it is asked about as if it were absent.
    scale : (n_nodes,)
        The largest chance of a finding's leak and links, by which they are divided, so that no state is far below
        others.
    needed : (n_contexts,)
        Whether a cause depends on it, or a context that is known.
    live, fires, spares, joint : (n_links,)
        Whether a link is live; the chance that it fires, and that it does not; the event that it sets, -1 for none.
    slot, leak : (n_links,), (n_nodes,)
        As of the structure, in the strata of the row.
    low, high : (n_nodes,)
        The states that are said of a finding that is a node.
    told : (n_described,)
        Whether something is said of what describes a finding: PRODUCED if it may be produced, ABSENT_WHOLE if not.
    is_graded : int
        Whether a finding is a node of which parents may have raised it, and yet not so far as it is.
    contradicts : int
        Whether something is described that is absent.
    weight, aside, none : (lanes,)
        P(contexts) of a lane times the factors of the causes aside; those factors; P(contexts, no cause, evidence).
    constant : (lanes,)
        ln of what all lanes of a row have in common.
    """

    def __init__(self, net, lanes=32):
        self.set, self.strata, self.n_nodes, self.n_links = 0, 1, 0, 0
        self.nodes, self.active, self.varies = (arrays.integers(net.n_nodes) for _ in range(3))
        self.dropped, self.waits, self.silent = (arrays.integers(net.n_nodes) for _ in range(3))
        self.links, self.live, self.from_links = (arrays.integers(net.n_links) for _ in range(3))
        self.from_first, self.from_last = arrays.integers(net.n_nodes), arrays.integers(net.n_nodes)
        self.fires, self.spares = arrays.doubles(net.n_links), arrays.doubles(net.n_links)
        self.joint = arrays.integers(net.n_links)
        self.slot, self.leak = memoryview(np.array(net.slot)), memoryview(np.array(net.leak))
        self.low, self.high = arrays.integers(net.n_nodes), arrays.integers(net.n_nodes)
        self.told = arrays.integers(max(net.n_described, 1))
        self.is_graded, self.contradicts = 0, 0
        self.needed = arrays.integers(max(net.n_contexts, 1))
        self.absent, self.present, self.scale = (arrays.doubles(net.n_nodes) for _ in range(3))
        self.resize(net, lanes)

    def resize(self, net, lanes):
        """Make room for so many lanes."""
        self.lanes = lanes
        self.start, self.end = arrays.doubles(net.n_nodes, 2, lanes), arrays.doubles(net.n_nodes, 2, lanes)
        self.state = arrays.integers(max(net.n_contexts, 1), lanes)
        self.weight, self.aside, self.none, self.constant = (arrays.doubles(lanes) for _ in range(4))


def table_entry(net, block, c, own, x):
    """Return the slot of P(context c = own | its parents in lane x)."""
    at = net.table_at[c] + own
    for i in range(net.parent_at[c], net.parent_at[c + 1]):
        at += net.parent_stride[i] * block.state[net.parent[i], x]
    return at


def leak_entry(net, block, k, x):
    """Return the slot of the leak of cause number k in lane x."""
    at = net.first_leak + net.leak_at[k]
    for i in range(net.stratum_at[k], net.stratum_at[k + 1]):
        at += net.stratum_stride[i] * block.state[net.stratum[i], x]
    return at


def is_averaged(net, codes, r, c, block):
    """Whether a context is unknown and hidden in the start of the only cause that hears of it."""
    return codes[r, c] == names.UNKNOWN and not net.is_stratum[c] and not block.active[c]


# The pattern of a row


def read_pattern(net, numbers, s, codes, r, want, block):
    """Find the nodes and the live links of row `r`, and the numbers that all rows of its pattern share."""
    forget(block)
    block.set = s
    block.strata = 1
    find_needed(net, codes, r, block)
    for c in range(net.n_contexts):
        if net.is_stratum[c]:
            if codes[r, c] == names.UNKNOWN and block.needed[c]:
                block.strata *= net.cards[c]
        elif codes[r, c] == names.UNKNOWN and net.cards[c] == 2 and net.out_at[c + 1] - net.out_at[c] > 1:
            block.active[c] = names.STEADY
    find_varying(net, codes, r, block)
    drop_causes(net, codes, r, want, block)
    shift_slots(net, codes, r, block)
    tell_described(net, codes, r, block)
    for v in range(net.first_finding, net.first_union):
        if net.tells[v] < 0 and is_node(net, numbers, s, codes, r, v, want, block):
            open_finding(net, numbers, s, codes, r, v, block)
    for u in range(net.n_unions):
        v = net.first_union + u
        if codes[r, v] == 1 and not has_part(net.member, net.member_at[u], net.member_at[u + 1], codes, r, 1):
            open_node(net, block, v)
            merge_links(net, numbers, s, codes, r, u, block)
            merge_leaks(net, numbers, s, codes, r, net.member, net.member_at[u], net.member_at[u + 1], v, block)
            rescale(net, codes, r, block, v)
    for v in range(net.first_group, net.first_event):
        if codes[r, v] == 1:
            open_node(net, block, v)
            for e in range(net.in_at[v], net.in_at[v + 1]):
                block.fires[e] = 1.0
                block.spares[e] = 0.0
            rescale(net, codes, r, block, v)
    for d in range(net.n_described):
        if block.told[d] == names.PRODUCED:
            open_events(net, numbers, s, codes, r, d, want, block)
            describe(net, numbers, s, codes, r, d, want, block)
    link_causes(net, numbers, s, want, block)
    list_nodes(net, block)


def shift_slots(net, codes, r, block):
    """Find the slots of the numbers that depend on a stratum of the row."""
    for i in range(net.n_stratified):
        at = 0
        for j in range(net.shift_at[i], net.shift_at[i + 1]):
            at += net.shift_stride[j] * codes[r, net.shift[j]]
        place = net.stratified[i]
        if place < net.n_nodes:
            block.leak[place] = net.leak[place] + at
        else:
            block.slot[place - net.n_nodes] = net.slot[place - net.n_nodes] + at


def tell_described(net, codes, r, block):
    """Say which described findings something that describes them says something of."""
    block.contradicts = 0
    block.is_graded = 0
    for d in range(net.n_described):
        block.told[d] = 0
        for i in range(net.telling_at[d], net.telling_at[d + 1]):
            if codes[r, net.telling[i]] != names.UNKNOWN:
                block.told[d] = names.PRODUCED
        if block.told[d] and (codes[r, net.whole[d]] == 0 or not may_be_produced(net, codes, r, d)):
            block.told[d] = names.ABSENT_WHOLE
            for i in range(net.telling_at[d], net.telling_at[d + 1]):
                v = net.telling[i]
                if codes[r, v] != names.UNKNOWN and net.low[net.span_at[v] + codes[r, v]] > 0:
                    block.contradicts = 1


def may_be_produced(net, codes, r, d):
    """Whether some part of a described finding is not known to be absent."""
    for i in range(net.part_at[d], net.part_at[d + 1]):
        if codes[r, net.part[i]] != 0:
            return True
    return False


def list_nodes(net, block):
    """List the active nodes, and the live links by their sources."""
    for v in range(net.n_nodes):
        if block.active[v]:
            block.nodes[block.n_nodes] = v
            block.n_nodes += 1
            block.from_last[v] = 0
    for i in range(block.n_links):
        block.from_last[net.source[block.links[i]]] += 1
    at = 0
    for i in range(block.n_nodes):
        v = block.nodes[i]
        block.from_first[v] = at
        at += block.from_last[v]
        block.from_last[v] = block.from_first[v]
    for i in range(block.n_links):
        v = net.source[block.links[i]]
        block.from_links[block.from_last[v]] = block.links[i]
        block.from_last[v] += 1


def find_needed(net, codes, r, block):
    """Say of each context whether a cause depends on it, or a context that is known: others have no part in a row."""
    if net.all_used:
        for c in range(net.n_contexts):
            block.needed[c] = 1
        return
    for c in range(net.n_contexts):
        block.needed[c] = net.is_used[c] or codes[r, c] != names.UNKNOWN
    found = True
    while found:
        found = False
        for c in range(net.n_contexts):
            for i in range(net.parent_at[c], net.parent_at[c + 1]):
                if block.needed[c] and not block.needed[net.parent[i]]:
                    block.needed[net.parent[i]] = 1
                    found = True


def forget(block):
    """Take out the nodes and links of the pattern before."""
    for i in range(block.n_nodes):
        block.active[block.nodes[i]] = 0
        block.waits[block.nodes[i]] = 0
    for i in range(block.n_links):
        block.live[block.links[i]] = 0
    block.n_nodes = 0
    block.n_links = 0


def find_varying(net, codes, r, block):
    """Say of each context and cause whether an unknown stratum is behind its start."""
    for c in range(net.n_contexts):
        block.varies[c] = net.is_stratum[c] and codes[r, c] == names.UNKNOWN
        for i in range(net.parent_at[c], net.parent_at[c + 1]):
            if codes[r, net.parent[i]] == names.UNKNOWN:
                block.varies[c] = 1
        if codes[r, c] != names.UNKNOWN:
            block.varies[c] = 0
        if block.active[c] and block.varies[c]:
            block.active[c] = names.VARIES
    for k in range(net.n_causes):
        v = net.n_contexts + k
        block.varies[v] = 0
        for i in range(net.stratum_at[k], net.stratum_at[k + 1]):
            if codes[r, net.stratum[i]] == names.UNKNOWN:
                block.varies[v] = 1
        for e in range(net.in_at[v], net.in_at[v + 1]):
            if not net.inhibits[e] and not block.active[net.source[e]] and block.varies[net.source[e]]:
                block.varies[v] = 1


def drop_causes(net, codes, r, want, block):
    """Mark the causes that are known to be absent, by themselves or with a group. One that others exclude stays."""
    for v in range(net.n_contexts, net.first_finding):
        block.dropped[v] = codes[r, v] == 0 and not net.is_excluded[v] and want != names.ENDS
    for g in range(net.first_group, net.first_event):
        if codes[r, g] == 0:
            for e in range(net.in_at[g], net.in_at[g + 1]):
                v = net.source[e]
                block.dropped[v] = not net.is_excluded[v] and want != names.ENDS


def is_node(net, numbers, s, codes, r, v, want, block):
    """Whether a finding is a node; finds which of its states are said."""
    block.low[v] = 0
    block.high[v] = net.top[v]
    if codes[r, v] != names.UNKNOWN:
        block.low[v] = net.low[net.span_at[v] + codes[r, v]]
        block.high[v] = net.high[net.span_at[v] + codes[r, v]]
    if block.low[v] > 0:
        block.is_graded = block.is_graded or block.low[v] > 1
        return True
    if want != names.ENDS:
        return False
    if codes[r, v] == names.UNKNOWN:
        for u in range(net.n_unions):
            if codes[r, net.first_union + u] == 0:
                for i in range(net.member_at[u], net.member_at[u + 1]):
                    if net.member[i] == v:
                        block.high[v] = 0
    block.waits[v] = block.high[v] < net.top[v] and is_certain(net, numbers, s, v, block)
    return block.waits[v]


def is_certain(net, numbers, s, v, block):
    """Whether the leak of a finding, or a link to it, always raises it above what is said."""
    if net.tells[v] < 0 and within(numbers, s, block.leak[v], 0, block.high[v]) == 0.0:
        return True
    for e in range(net.in_at[v], net.in_at[v + 1]):
        if within(numbers, s, block.slot[e], 0, block.high[v]) == 0.0:
            return True
    return False


def within(numbers, s, slot, low, high):
    """Return the chance that a leak or link raises a finding to a state from `low` to `high`, and no further."""
    total = numbers.no[s, slot] if low == 0 else 0.0
    for d in range(low if low > 1 else 1, high + 1):
        total += numbers.yes[s, slot + d - 1]
    return total


def most(net, numbers, s, slot, v, block):
    """Return the chance that a leak or link does not raise a finding above what is said."""
    return 1.0 if block.high[v] == net.top[v] else within(numbers, s, slot, 0, block.high[v])


def has_part(parts, first, last, codes, r, code):
    """Whether one of some findings has a code."""
    for i in range(first, last):
        if codes[r, parts[i]] == code:
            return True
    return False


def open_node(net, block, v):
    """Make a finding, union or group a node, with live links from all that may be present; nothing else raises it."""
    d = net.described[v]
    told = d >= 0 and block.told[d] == names.PRODUCED and not block.waits[v]
    block.active[v] = names.STEADY
    block.start[v, 0, 0] = 1.0
    block.start[v, 1, 0] = 0.0
    block.end[v, 0, 0] = 1.0 if block.waits[v] else 0.0
    block.end[v, 1, 0] = 0.0 if block.waits[v] else 1.0
    for e in range(net.in_at[v], net.in_at[v + 1]):
        if not block.dropped[net.source[e]] and (told or net.kind[net.source[e]] != names.BACKGROUND):
            add_link(block, e)
            block.active[net.source[e]] = names.STEADY
            block.joint[e] = net.event[e] if told else -1


def add_link(block, e):
    """Make a link live."""
    block.live[e] = 1
    block.joint[e] = -1
    block.links[block.n_links] = e
    block.n_links += 1


def open_finding(net, numbers, s, codes, r, v, block):
    """Make a finding a node: its leak, unless it is a link of the background, and its links."""
    open_node(net, block, v)
    d = net.described[v]
    if net.tells[v] < 0 and (d < 0 or block.told[d] != names.PRODUCED or block.waits[v]):
        block.start[v, 1, 0] = share_of(net, numbers, s, block.leak[v], v, block, 1)
        block.start[v, 0, 0] = share_of(net, numbers, s, block.leak[v], v, block, 0)
    for e in range(net.in_at[v], net.in_at[v + 1]):
        block.fires[e] = share_of(net, numbers, s, block.slot[e], v, block, 1)
        block.spares[e] = share_of(net, numbers, s, block.slot[e], v, block, 0)
    rescale(net, codes, r, block, v)


def share_of(net, numbers, s, slot, v, block, fires):
    """Return the chance that a leak or link raises a node, or does not, given that it raises it no further than said.

    A finding that waits is said to be no higher than `high`: to be raised is to be raised above that.
    """
    if block.waits[v]:
        if fires:
            return within(numbers, s, slot, block.high[v] + 1, net.top[v])
        return within(numbers, s, slot, 0, block.high[v])
    whole = most(net, numbers, s, slot, v, block)
    if whole == 0.0:
        return 0.0 if fires else 1.0
    if fires:
        return within(numbers, s, slot, block.low[v], block.high[v]) / whole
    return within(numbers, s, slot, 0, block.low[v] - 1) / whole


def merge_links(net, numbers, s, codes, r, u, block):
    """Make the numbers of the links into a union of those into its open members: 1 - prod(1 - q)."""
    v = net.first_union + u
    for e in range(net.in_at[v], net.in_at[v + 1]):
        block.fires[e] = 0.0
        block.spares[e] = 1.0
    for i in range(net.member_at[u], net.member_at[u + 1]):
        e = net.in_at[v]
        if codes[r, net.member[i]] == names.UNKNOWN:
            for d in range(net.in_at[net.member[i]], net.in_at[net.member[i] + 1]):
                while net.source[e] != net.source[d]:
                    e += 1
                merge_link(numbers, s, d, e, block)


def merge_link(numbers, s, d, e, block):
    """Let a link fire where another one does, too."""
    block.fires[e] += block.spares[e] * numbers.yes[s, block.slot[d]]
    block.spares[e] *= numbers.no[s, block.slot[d]]


def merge_leaks(net, numbers, s, codes, r, parts, first, last, v, block):
    """Make the start of a union of the leaks of its open members, unless they are links of the background."""
    d = net.described[v]
    if d >= 0 and block.told[d] == names.PRODUCED:
        return
    for i in range(first, last):
        if codes[r, parts[i]] == names.UNKNOWN:
            block.start[v, 1, 0] += block.start[v, 0, 0] * numbers.yes[s, block.leak[parts[i]]]
            block.start[v, 0, 0] *= numbers.no[s, block.leak[parts[i]]]


def open_events(net, numbers, s, codes, r, d, want, block):
    """Make the events of a described finding nodes: of each of its causes that may be present, and of the background.

    A link that is the OR of those into its open parts sets an event, unless the whole is a node of its own.
    """
    first = net.part_at[d]
    last = net.part_at[d + 1]
    is_open = has_part(net.part, first, last, codes, r, names.UNKNOWN) and not block.active[net.whole[d]]
    for v in range(net.first_event + net.event_at[d], net.first_event + net.event_at[d + 1]):
        block.fires[net.in_at[v]] = 0.0
        block.spares[net.in_at[v]] = 1.0
    for i in range(first, last):
        if codes[r, net.part[i]] == names.UNKNOWN:
            for e in range(net.in_at[net.part[i]], net.in_at[net.part[i] + 1]):
                merge_link(numbers, s, e, net.in_at[net.event[e]], block)
    for v in range(net.first_event + net.event_at[d], net.first_event + net.event_at[d + 1]):
        e = net.in_at[v]
        block.dropped[v] = block.dropped[net.source[e]]
        if block.dropped[v]:
            continue
        sets = is_open and (block.fires[e] > 0.0 or want == names.ENDS)
        for i in range(net.out_at[net.source[e]], net.out_at[net.source[e] + 1]):
            sets = sets or (block.live[net.out[i]] and block.joint[net.out[i]] == v)
        block.dropped[v] = not sets
        if sets:
            block.active[v] = names.STEADY
            block.active[net.source[e]] = names.STEADY
            block.start[v, 0, 0] = 1.0
            block.start[v, 1, 0] = 0.0
            block.end[v, 0, 0] = 1.0
            block.end[v, 1, 0] = 1.0
            if is_open:
                add_link(block, e)
    if net.n_described:
        block.start[net.background, 0, 0] = 0.0
        block.start[net.background, 1, 0] = 1.0
        block.end[net.background, 0, 0] = 0.0
        block.end[net.background, 1, 0] = 1.0


def describe(net, numbers, s, codes, r, d, want, block):
    """Let the events raise what describes a finding: to be raised so far is a node, no further is a factor."""
    for i in range(net.telling_at[d], net.telling_at[d + 1]):
        v = net.telling[i]
        if codes[r, v] == names.UNKNOWN:
            continue
        if is_node(net, numbers, s, codes, r, v, want, block):
            open_finding(net, numbers, s, codes, r, v, block)
        if not block.waits[v]:
            for e in range(net.in_at[v], net.in_at[v + 1]):
                if not block.dropped[net.source[e]]:
                    block.end[net.source[e], 1, 0] *= most(net, numbers, s, block.slot[e], v, block)


def rescale(net, codes, r, block, v):
    """Divide the chances of a finding that must be present by the largest of them that can matter."""
    scale = block.start[v, 1, 0]
    joint = False
    for e in range(net.in_at[v], net.in_at[v + 1]):
        if block.live[e] and codes[r, net.source[e]] != 0:
            scale = max(scale, block.fires[e])
            joint = joint or block.joint[e] >= 0
    if block.waits[v] or joint or scale <= 0.0:
        scale = 1.0
    block.scale[v] = scale
    block.start[v, 1, 0] /= scale
    for e in range(net.in_at[v], net.in_at[v + 1]):
        block.fires[e] /= scale


def link_causes(net, numbers, s, want, block):
    """Make live the links into causes, from active contexts and from causes that exclude; their causes are nodes."""
    for k in range(net.n_causes):
        v = net.n_contexts + k
        if block.dropped[v]:
            continue
        if want == names.ENDS and not block.active[v]:
            block.active[v] = names.STEADY
        for e in range(net.in_at[v], net.in_at[v + 1]):
            if net.inhibits[e]:
                if block.dropped[net.source[e]]:
                    continue
                block.active[net.source[e]] = names.STEADY
            elif not block.active[net.source[e]]:
                continue
            add_link(block, e)
            block.active[v] = names.STEADY
            block.fires[e] = 1.0 if net.inhibits[e] else numbers.yes[s, block.slot[e]]
            block.spares[e] = 0.0 if net.inhibits[e] else numbers.no[s, block.slot[e]]
    for k in range(net.n_causes):
        v = net.n_contexts + k
        if block.active[v] and block.varies[v]:
            block.active[v] = names.VARIES


# The numbers of one row


def read_row(net, numbers, s, codes, r, i, block):
    """Fill the lanes of row `r`, which is row number `i` of the block."""
    first = i * block.strata
    read_contexts(net, numbers, s, codes, r, first, block)
    for k in range(net.n_causes):
        v = net.n_contexts + k
        start_cause(net, numbers, s, codes, r, v, first, block)
        for x in range(first + 1, first + block.strata):
            if block.varies[v]:
                start_cause(net, numbers, s, codes, r, v, x, block)
            else:
                block.start[v, 0, x] = block.start[v, 0, first]
                block.start[v, 1, x] = block.start[v, 1, first]
    for v in range(net.n_contexts + net.n_causes):
        block.absent[v] = 1.0
        block.present[v] = 1.0
    for k in range(net.n_causes):
        v = net.n_contexts + k
        if codes[r, v] == 1:
            block.absent[v] = 0.0
        if codes[r, v] == 0:
            block.present[v] = 0.0
    block.constant[i] = read_findings(net, numbers, s, codes, r, first, block)


def read_contexts(net, numbers, s, codes, r, first, block):
    """Fill the states of the contexts in the lanes of a row, P(them), and the start of those that are nodes."""
    inner = 1
    last = first + block.strata
    for c in range(net.n_contexts):
        if net.is_stratum[c] and codes[r, c] == names.UNKNOWN and block.needed[c]:
            for x in range(first, last):
                block.state[c, x] = (x - first) // inner % net.cards[c]
            inner *= net.cards[c]
        else:
            for x in range(first, last):
                block.state[c, x] = codes[r, c]
    for x in range(first, last):
        block.weight[x] = 1.0
        block.aside[x] = 1.0
    for c in range(net.n_contexts):
        if block.active[c]:
            for x in range(first, last):
                block.start[c, 0, x] = numbers.yes[s, table_entry(net, block, c, 0, x)]
                block.start[c, 1, x] = numbers.yes[s, table_entry(net, block, c, 1, x)]
        elif block.state[c, first] != names.UNKNOWN:
            for x in range(first, last):
                block.weight[x] *= numbers.yes[s, table_entry(net, block, c, block.state[c, x], x)]


def start_cause(net, numbers, s, codes, r, v, x, block):
    """Fill the start of a cause in a lane: its leak, and the contexts that are known, in the lane, or averaged."""
    at = leak_entry(net, block, v - net.n_contexts, x)
    absent = numbers.no[s, at]
    present = numbers.yes[s, at]
    for e in range(net.in_at[v], net.in_at[v + 1]):
        c = net.source[e]
        if net.inhibits[e] or block.active[c]:
            continue
        if is_averaged(net, codes, r, c, block):
            share = numbers.yes[s, table_entry(net, block, c, 1, x)]
            rest = numbers.yes[s, table_entry(net, block, c, 0, x)]
            present += absent * share * numbers.yes[s, block.slot[e]]
            absent *= share * numbers.no[s, block.slot[e]] + rest
        elif block.state[c, x] == 1:
            present += absent * numbers.yes[s, block.slot[e]]
            absent *= numbers.no[s, block.slot[e]]
    block.start[v, 0, x] = absent
    block.start[v, 1, x] = present


def read_findings(net, numbers, s, codes, r, first, block):
    """Take in the absent findings and groups and the dropped causes; returns ln of what is constant, -1e308 where 0."""
    constant = 1.0
    logs = 0.0
    if block.contradicts:
        constant = 0.0
    for v in range(net.first_finding, net.first_union):
        if codes[r, v] != names.UNKNOWN and not block.waits[v] and net.tells[v] < 0:
            constant *= cap_finding(net, numbers, s, block, v, net.high[net.span_at[v] + codes[r, v]])
            if constant < 1e-100:
                logs += log_of(constant)
                constant = 1.0
    for u in range(net.n_unions):
        if codes[r, net.first_union + u] == 0:
            for i in range(net.member_at[u], net.member_at[u + 1]):
                if codes[r, net.member[i]] == 1:
                    constant = 0.0
                elif codes[r, net.member[i]] == names.UNKNOWN and not block.waits[net.member[i]]:
                    constant *= cap_finding(net, numbers, s, block, net.member[i], 0)
    for v in range(net.first_group, net.first_event):
        if codes[r, v] == 0:
            for e in range(net.in_at[v], net.in_at[v + 1]):
                block.present[net.source[e]] = 0.0
    for c in range(net.n_contexts):
        if block.active[c]:
            for i in range(net.out_at[c], net.out_at[c + 1]):
                if block.dropped[net.target[net.out[i]]]:
                    block.present[c] *= numbers.no[s, block.slot[net.out[i]]]
    for i in range(block.n_nodes):
        if names.FINDING <= net.kind[block.nodes[i]] <= names.GROUP:
            constant *= block.scale[block.nodes[i]]
            if constant < 1e-100:
                logs += log_of(constant)
                constant = 1.0
    begin_none(net, numbers, s, codes, r, block, first)
    return logs + log_of(constant) - set_aside(net, block, first)


def cap_finding(net, numbers, s, block, v, high):
    """Take in that a finding is no higher than a state.

    Returns P(its leak, and the links from causes that are known, do not raise it above that).
    """
    if high == net.top[v]:
        return 1.0
    spares = within(numbers, s, block.leak[v], 0, high)
    for e in range(net.in_at[v], net.in_at[v + 1]):
        if net.kind[net.source[e]] != names.CAUSE:
            continue
        if block.absent[net.source[e]] == 0.0:
            spares *= within(numbers, s, block.slot[e], 0, high)
        else:
            block.present[net.source[e]] *= within(numbers, s, block.slot[e], 0, high)
    return spares


def log_of(p):
    """Return ln p, and for 0 the least number, which marks what is impossible."""
    return math.log(p) if p > 0.0 else -1e308


def begin_none(net, numbers, s, codes, r, block, first):
    """Fill P(contexts, no finding by any cause, no cause by a context that is a node) of each lane."""
    explained = 1.0
    for i in range(block.n_nodes):
        v = block.nodes[i]
        if net.kind[v] < names.FINDING or net.kind[v] > names.GROUP:
            continue
        d = net.tells[v] if net.tells[v] >= 0 else net.described[v]
        if d < 0 or block.told[d] != names.PRODUCED:
            explained *= block.start[v, 1, 0]
        else:
            explained /= block.scale[v]
    for d in range(net.n_described):
        if block.told[d] == names.PRODUCED:
            explained *= background_alone(net, numbers, s, codes, r, d, block)
    for x in range(first, first + block.strata):
        none = block.weight[x] * explained
        for i in range(block.n_nodes):
            c = block.nodes[i]
            if net.kind[c] == names.CONTEXT:
                spares = 1.0
                for j in range(net.out_at[c], net.out_at[c + 1]):
                    spares *= numbers.no[s, block.slot[net.out[j]]]
                none *= block.start[c, 0, x] + block.start[c, 1, x] * spares
        block.none[x] = none


def background_alone(net, numbers, s, codes, r, d, block):
    """Return P(what is said of a described finding and of what describes it | no cause is present)."""
    fired = 1.0
    is_open = True
    produced = 0.0
    spared = 1.0
    for i in range(net.part_at[d], net.part_at[d + 1]):
        leak = block.leak[net.part[i]]
        if codes[r, net.part[i]] == 1:
            fired *= numbers.yes[s, leak]
            is_open = False
        elif codes[r, net.part[i]] == names.UNKNOWN:
            produced += spared * numbers.yes[s, leak]
            spared *= numbers.no[s, leak]
    told = 1.0
    lowest = True
    for i in range(net.telling_at[d], net.telling_at[d + 1]):
        v = net.telling[i]
        if codes[r, v] != names.UNKNOWN:
            told *= within(numbers, s, block.leak[v], block.low[v], block.high[v])
            lowest = lowest and block.low[v] == 0
    if not is_open:
        return fired * told
    if not lowest or codes[r, net.whole[d]] == 1:
        return produced * told
    return produced * told + spared


def set_aside(net, block, first):
    """Multiply in the causes that are no nodes, and fill the end of contexts and causes; completes P(no cause).

    Returns ln of what the weights were multiplied by, so that they do not underflow.
    """
    last = first + block.strata
    logs = 0.0
    for v in range(net.n_contexts, net.first_finding):
        largest = 0.0
        for x in range(first, last):
            block.end[v, 0, x] = block.absent[v]
            block.end[v, 1, x] = block.present[v]
            block.none[x] *= block.start[v, 0, x] * block.absent[v]
            if not block.active[v]:
                factor = block.start[v, 0, x] * block.absent[v] + block.start[v, 1, x] * block.present[v]
                block.aside[x] *= factor
                block.weight[x] *= factor
            largest = max(largest, block.weight[x])
        if 0.0 < largest < 1e-100:
            logs += grow(block, first, last)
    for i in range(block.n_nodes):
        v = block.nodes[i]
        if net.kind[v] == names.CONTEXT:
            for x in range(first, last):
                block.end[v, 0, x] = block.absent[v]
                block.end[v, 1, x] = block.present[v]
    return logs


def grow(block, first, last):
    """Multiply the weights of a row by a power of two, of which no digit is lost, and return ln of it."""
    for x in range(first, last):
        block.none[x] *= GROWTH
        block.aside[x] *= GROWTH
        block.weight[x] *= GROWTH
    return math.log(GROWTH)
