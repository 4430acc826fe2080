"""Evidence becomes a problem: which nodes must be summed over, which links between them are live, and their numbers.

    start[v, 0:2, lane]   P(node v absent), P(present) before any live link fires: its leak, and links of contexts
                          that are known, in the lanes, or of which no other cause hears
    end[v, 0:2, lane]     what the evidence says of it absent and present: 0 or 1 where it is stated; of a cause also
                          the product over the absent findings of P(its link does not fire)

An absent finding is a factor of each of its causes and no node. A positive one is a node that must be present; so is
a union that is present though none of its members is known to be, with links that are the ORs of those of its open
members. A cause without a live link stands *aside*: its sum is a factor of each lane. A cause that is known to be
absent has none.

Rows of one pattern (the same contexts unknown, the same findings positive, the same causes absent, the same members of
unions open) stand in a block beside each other: lane = row * strata + stratum.
"""

import math

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
    live, fires, spares : (n_links,)
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
    for v in range(net.first_finding, net.first_union):
        if codes[r, v] == 1 or (want == names.ENDS and is_certain(net, numbers, s, codes, r, v)):
            block.waits[v] = codes[r, v] != 1
            open_finding(net, block, v, numbers.no[s, net.first_finding_leak + v - net.first_finding])
            block.start[v, 1, 0] = numbers.yes[s, net.first_finding_leak + v - net.first_finding]
            link_numbers(net, numbers, s, block, v)
            rescale(net, codes, r, block, v)
    for u in range(net.n_unions):
        v = net.first_union + u
        if codes[r, v] == 1 and not has_member(net, codes, r, u):
            open_finding(net, block, v, 1.0)
            merge_members(net, numbers, s, codes, r, u, block)
            rescale(net, codes, r, block, v)
    for v in range(net.first_group, net.n_nodes):
        if codes[r, v] == 1:
            open_finding(net, block, v, 1.0)
            block.start[v, 1, 0] = 0.0
            for e in range(net.in_at[v], net.in_at[v + 1]):
                block.fires[e] = 1.0
                block.spares[e] = 0.0
            rescale(net, codes, r, block, v)
    link_causes(net, numbers, s, want, block)
    list_nodes(net, block)


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
    for g in range(net.first_group, net.n_nodes):
        if codes[r, g] == 0:
            for e in range(net.in_at[g], net.in_at[g + 1]):
                v = net.source[e]
                block.dropped[v] = not net.is_excluded[v] and want != names.ENDS


def is_certain(net, numbers, s, codes, r, v):
    """Whether a finding is known to be absent, by itself or with a union, and its leak or a link to it always fires."""
    absent = codes[r, v] == 0
    for u in range(net.n_unions):
        if codes[r, net.first_union + u] == 0 and codes[r, v] != 1:
            for i in range(net.member_at[u], net.member_at[u + 1]):
                absent = absent or net.member[i] == v
    if absent:
        if numbers.no[s, net.first_finding_leak + v - net.first_finding] == 0.0:
            return True
        for e in range(net.in_at[v], net.in_at[v + 1]):
            if numbers.no[s, net.first_link + e] == 0.0:
                return True
    return False


def has_member(net, codes, r, u):
    """Whether a member of union number u is known to be present."""
    for i in range(net.member_at[u], net.member_at[u + 1]):
        if codes[r, net.member[i]] == 1:
            return True
    return False


def open_finding(net, block, v, absent):
    """Make a finding, union or group a node, with live links from all causes that may be present."""
    block.active[v] = names.STEADY
    block.start[v, 0, 0] = absent
    block.end[v, 0, 0] = 1.0 if block.waits[v] else 0.0
    block.end[v, 1, 0] = 0.0 if block.waits[v] else 1.0
    for e in range(net.in_at[v], net.in_at[v + 1]):
        if not block.dropped[net.source[e]]:
            add_link(block, e)
            block.active[net.source[e]] = names.STEADY


def add_link(block, e):
    """Make a link live."""
    block.live[e] = 1
    block.links[block.n_links] = e
    block.n_links += 1


def link_numbers(net, numbers, s, block, v):
    """Copy the numbers of the links into a node."""
    for e in range(net.in_at[v], net.in_at[v + 1]):
        block.fires[e] = numbers.yes[s, net.first_link + e]
        block.spares[e] = numbers.no[s, net.first_link + e]


def merge_members(net, numbers, s, codes, r, u, block):
    """Make the numbers of union number u of those of its open members: P(at some member) = 1 - prod(1 - q)."""
    v = net.first_union + u
    block.start[v, 1, 0] = 0.0
    for e in range(net.in_at[v], net.in_at[v + 1]):
        block.fires[e] = 0.0
        block.spares[e] = 1.0
    for i in range(net.member_at[u], net.member_at[u + 1]):
        j = net.member[i]
        if codes[r, j] != names.UNKNOWN:
            continue
        leak = net.first_finding_leak + j - net.first_finding
        block.start[v, 1, 0] += block.start[v, 0, 0] * numbers.yes[s, leak]
        block.start[v, 0, 0] *= numbers.no[s, leak]
        e = net.in_at[v]
        for d in range(net.in_at[j], net.in_at[j + 1]):
            while net.source[e] != net.source[d]:
                e += 1
            block.fires[e] += block.spares[e] * numbers.yes[s, net.first_link + d]
            block.spares[e] *= numbers.no[s, net.first_link + d]


def rescale(net, codes, r, block, v):
    """Divide the chances of a finding that must be present by the largest of them that can matter."""
    scale = block.start[v, 1, 0]
    for e in range(net.in_at[v], net.in_at[v + 1]):
        if block.live[e] and codes[r, net.source[e]] != 0:
            scale = max(scale, block.fires[e])
    if block.waits[v] or scale <= 0.0:
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
            block.fires[e] = 1.0 if net.inhibits[e] else numbers.yes[s, net.first_link + e]
            block.spares[e] = 0.0 if net.inhibits[e] else numbers.no[s, net.first_link + e]
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
            present += absent * share * numbers.yes[s, net.first_link + e]
            absent *= share * numbers.no[s, net.first_link + e] + rest
        elif block.state[c, x] == 1:
            present += absent * numbers.yes[s, net.first_link + e]
            absent *= numbers.no[s, net.first_link + e]
    block.start[v, 0, x] = absent
    block.start[v, 1, x] = present


def read_findings(net, numbers, s, codes, r, first, block):
    """Take in the absent findings and groups and the dropped causes; returns ln of what is constant, -1e308 where 0."""
    constant = 1.0
    logs = 0.0
    for v in range(net.first_finding, net.first_union):
        if codes[r, v] == 0 and not block.waits[v]:
            constant *= absent_finding(net, numbers, s, block, v)
            if constant < 1e-100:
                logs += log_of(constant)
                constant = 1.0
    for u in range(net.n_unions):
        if codes[r, net.first_union + u] == 0:
            for i in range(net.member_at[u], net.member_at[u + 1]):
                if codes[r, net.member[i]] == 1:
                    constant = 0.0
                elif codes[r, net.member[i]] == names.UNKNOWN and not block.waits[net.member[i]]:
                    constant *= absent_finding(net, numbers, s, block, net.member[i])
    for v in range(net.first_group, net.n_nodes):
        if codes[r, v] == 0:
            for e in range(net.in_at[v], net.in_at[v + 1]):
                block.present[net.source[e]] = 0.0
    for c in range(net.n_contexts):
        if block.active[c]:
            for i in range(net.out_at[c], net.out_at[c + 1]):
                if block.dropped[net.target[net.out[i]]]:
                    block.present[c] *= numbers.no[s, net.first_link + net.out[i]]
    for i in range(block.n_nodes):
        if net.kind[block.nodes[i]] >= names.FINDING:
            constant *= block.scale[block.nodes[i]]
            if constant < 1e-100:
                logs += log_of(constant)
                constant = 1.0
    begin_none(net, numbers, s, block, first)
    return logs + log_of(constant) - set_aside(net, block, first)


def absent_finding(net, numbers, s, block, v):
    """Take in that a finding is absent; returns P(its leak, and the links from causes that are known, do not fire)."""
    spares = numbers.no[s, net.first_finding_leak + v - net.first_finding]
    for e in range(net.in_at[v], net.in_at[v + 1]):
        if block.absent[net.source[e]] == 0.0:
            spares *= numbers.no[s, net.first_link + e]
        else:
            block.present[net.source[e]] *= numbers.no[s, net.first_link + e]
    return spares


def log_of(p):
    """Return ln p, and for 0 the least number, which marks what is impossible."""
    return math.log(p) if p > 0.0 else -1e308


def begin_none(net, numbers, s, block, first):
    """Fill P(contexts, no finding by any cause, no cause by a context that is a node) of each lane."""
    explained = 1.0
    for i in range(block.n_nodes):
        if net.kind[block.nodes[i]] >= names.FINDING:
            explained *= block.start[block.nodes[i], 1, 0]
    for x in range(first, first + block.strata):
        none = block.weight[x] * explained
        for i in range(block.n_nodes):
            c = block.nodes[i]
            if net.kind[c] == names.CONTEXT:
                spares = 1.0
                for j in range(net.out_at[c], net.out_at[c + 1]):
                    spares *= numbers.no[s, net.first_link + net.out[j]]
                none *= block.start[c, 0, x] + block.start[c, 1, x] * spares
        block.none[x] = none


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
