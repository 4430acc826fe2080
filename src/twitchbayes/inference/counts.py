"""What a backward sweep says of the numbers of the tables.

P(evidence) is linear in each number p and in 1 - p, each taken for itself: P(e) = rest + p `fires` + (1 - p)
`spares`. The number is put to the test with probability (p `fires` + (1 - p) `spares`) / P(e), and its event happens
with p `fires` / P(e): these are the trials and successes that are counted. With p = 0 and p = 1 instead, P(e) would
be rest + `spares` and rest + `fires`. All of it is made of positive terms.

References
----------
Darwiche, A differential approach to inference in Bayesian networks (JACM 50, 2003). Díez and Galán, Efficient
computation for the noisy MAX (International Journal of Intelligent Systems 18, 2003), for the hidden events of a
noisy-OR.
"""

import numpy as np

import twitchbayes.inference.arrays as arrays
import twitchbayes.inference.names as names
import twitchbayes.inference.reading as reading


class Slots:
    """What is said of each slot of a network, a row for each row of evidence that is kept apart.

    Attributes
    ----------
    fires, spares, trials : (n_rows, n_slots)
        `spares` of the links of findings is filled where ENDS are wanted, and else 0. The trials of a table's entry
        stay 0: they are the sum of the successes of the entries beside it. Of a graded finding `fires` belongs to the
        chance of each state above the lowest, and `spares`, in the first slot, to that of the lowest.
    untried : (n_slots,)
        Where ENDS are wanted, of the leaks and links of findings: P(the number is not put to the test), where it can
        be; -1 where it cannot. Of links into causes: 0 where they can be.
    """

    def __init__(self, net, n_rows):
        self.untried = memoryview(np.full(net.n_slots, -1.0))
        self.fires = arrays.doubles(n_rows, net.n_slots)
        self.spares = arrays.doubles(n_rows, net.n_slots)
        self.trials = arrays.doubles(n_rows, net.n_slots)


def cause_share(net, block, plan, work, k, i, half):
    """Return P(cause number k absent, or present | row i of the block), times what the row counts."""
    v = net.n_contexts + k
    if block.active[v] and is_acted_on(net, block, v):
        return work.halves[v, half, i]
    if block.active[v] and plan.late[v]:
        return block.start[v, half, i] * work.sums[v, half, i]
    share = 0.0
    for x in range(i * block.strata, (i + 1) * block.strata):
        if block.active[v]:
            share += block.start[v, half, x] * work.sums[v, half, x]
        else:
            share += block.start[v, half, x] * aside_sum(block, work, v, half, x)
    return share


def is_acted_on(net, block, v):
    """Whether a node has live links into it."""
    for e in range(net.in_at[v], net.in_at[v + 1]):
        if block.live[e]:
            return True
    return False


def aside_sum(block, work, v, half, x):
    """Return dP / d(start absent or present) of a cause aside in a lane; 0 where the lane has probability 0."""
    either = block.start[v, 0, x] * block.end[v, 0, x] + block.start[v, 1, x] * block.end[v, 1, x]
    return block.weight[x] * work.gradient[x] * block.end[v, half, x] / either if either > 0.0 else 0.0


def add(net, numbers, said, first, block, plan, work, n_rows, into, slots):
    """Add what the last sweep says of each slot to row `into` of `slots`. The gradients say what each row counts."""
    for i in range(n_rows):
        add_contexts(net, numbers, block, plan, work, i, into, slots)
        for k in range(net.n_causes):
            add_cause(net, numbers, said, first + i, block, plan, work, i, k, into, slots)
        add_tested(net, numbers, said, first + i, block, plan, work, i, into, slots)
    for i in range(block.n_links):
        e = block.links[i]
        v = net.target[e]
        spared = work.linked[e, 2] + work.linked[e, 1]
        if net.kind[v] == names.CAUSE and not net.inhibits[e]:
            slots.fires[into, block.slot[e]] += link_fires(net, block, work, e)
            slots.spares[into, block.slot[e]] += spared
        elif net.kind[v] == names.FINDING:
            fired = link_fires(net, block, work, e)
            add_states(net, numbers, block, block.slot[e], v, fired, spared, into, slots)
        elif net.kind[v] == names.UNION:
            u = v - net.first_union
            a = net.member_at[u]
            b = net.member_at[u + 1]
            add_parts(net, numbers, said, first, block, work, e, net.member, a, b, into, slots)
        elif net.kind[v] == names.EVENT:
            u = net.described[v]
            a = net.part_at[u]
            b = net.part_at[u + 1]
            add_parts(net, numbers, said, first, block, work, e, net.part, a, b, into, slots)
    for i in range(block.n_nodes):
        v = block.nodes[i]
        if net.kind[v] == names.FINDING and not has_background(net, block, v):
            fired = all_sums(block, plan, work, v, n_rows, 1) / block.scale[v]
            spared = all_sums(block, plan, work, v, n_rows, 0)
            add_states(net, numbers, block, block.leak[v], v, fired, spared, into, slots)
        elif net.kind[v] == names.UNION and not has_background(net, block, v):
            add_leaks(net, numbers, said, first, block, plan, work, n_rows, v, into, slots)


def has_background(net, block, v):
    """Whether the leak of a finding or union is a link of the background, or of its event."""
    d = net.described[v]
    return net.tells[v] >= 0 or (d >= 0 and block.told[d] == names.PRODUCED and not block.waits[v])


def add_states(net, numbers, block, slot, v, fired, spared, into, slots):
    """Add what is said of a leak or link into a node: it raises the node as far as said, or not so far.

    `fired` and `spared` are given that it raises the node no further than said, unless that is what the node waits for.
    """
    high = block.high[v]
    if block.waits[v]:
        for d in range(1, net.top[v] + 1):
            slots.fires[into, slot + d - 1] += fired if d > high else spared
        slots.spares[into, slot] += spared
        return
    whole = reading.most(net, numbers, block.set, slot, v, block)
    if whole > 0.0:
        for d in range(1, high + 1):
            slots.fires[into, slot + d - 1] += (fired if d >= block.low[v] else spared) / whole
        slots.spares[into, slot] += spared / whole


def link_fires(net, block, work, e):
    """Return dP / d(a link fires): its target becomes present, in units of its scale, or is present already."""
    newly = work.linked[e, 0]
    if names.FINDING <= net.kind[net.target[e]] <= names.GROUP:
        newly /= block.scale[net.target[e]]
    return newly + work.linked[e, 1]


def all_sums(block, plan, work, v, n_rows, half):
    """Return dP / d(start) of a finding, whose start is the same in all lanes."""
    total = 0.0
    for x in range(n_rows if plan.late[v] else n_rows * block.strata):
        total += work.sums[v, half, x]
    return total


def add_contexts(net, numbers, block, plan, work, i, into, slots):
    """Add what a row says of the tables of contexts that are nodes, known, or strata."""
    first = i * block.strata
    last = first + block.strata
    for c in range(net.n_contexts):
        if block.active[c]:
            for half in range(2):
                if plan.late[c]:
                    slots.fires[into, reading.table_entry(net, block, c, half, first)] += work.sums[c, half, i]
                else:
                    for x in range(first, last):
                        slots.fires[into, reading.table_entry(net, block, c, half, x)] += work.sums[c, half, x]
        elif block.state[c, first] != names.UNKNOWN:
            for x in range(first, last):
                at = reading.table_entry(net, block, c, block.state[c, x], x)
                slots.fires[into, at] += work.gradient[x] * without_context(net, numbers, block, c, at, x)


def without_context(net, numbers, block, c, at, x):
    """Return the weight of a lane over P(context c | its parents)."""
    p = numbers.yes[block.set, at]
    if p > 0.0:
        return block.weight[x] / p
    weight = block.aside[x]
    for d in range(net.n_contexts):
        if d != c and not block.active[d] and block.state[d, x] != names.UNKNOWN:
            weight *= numbers.yes[block.set, reading.table_entry(net, block, d, block.state[d, x], x)]
    return weight


def add_cause(net, numbers, said, r, block, plan, work, i, k, into, slots):
    """Add what a row says of the leak of a cause, and of links and tables of contexts that are hidden in its start."""
    v = net.n_contexts + k
    first = i * block.strata
    if block.active[v] and plan.late[v]:
        add_ways(net, numbers, said, r, block, v, first, work.sums[v, 0, i], work.sums[v, 1, i], into, slots)
        return
    for x in range(first, first + block.strata):
        if block.active[v]:
            absent = work.sums[v, 0, x]
            present = work.sums[v, 1, x]
        else:
            absent = aside_sum(block, work, v, 0, x)
            present = aside_sum(block, work, v, 1, x)
        add_ways(net, numbers, said, r, block, v, x, absent, present, into, slots)


def add_ways(net, numbers, said, r, block, v, x, absent, present, into, slots):
    """Share out what a lane says of the start of a cause among the ways in which it can be present.

    `absent` and `present` are dP / d(start). If a way fires the cause is present; if not, it depends on the others.
    """
    s = block.set
    leak = reading.leak_entry(net, block, v - net.n_contexts, x)
    rest = without_way(net, numbers, said, r, block, v, x, -1, absent, present)
    slots.fires[into, leak] += present
    slots.spares[into, leak] += rest
    slots.trials[into, leak] += numbers.yes[s, leak] * present + numbers.no[s, leak] * rest
    for e in range(net.in_at[v], net.in_at[v + 1]):
        c = net.source[e]
        if net.inhibits[e] or block.active[c]:
            continue
        averaged = reading.is_averaged(net, said, r, c, block)
        if not averaged and block.state[c, x] != 1:
            continue
        at = block.slot[e]
        rest = without_way(net, numbers, said, r, block, v, x, e, absent, present)
        share = 1.0
        if averaged:
            share = numbers.yes[s, reading.table_entry(net, block, c, 1, x)]
            slots.fires[into, reading.table_entry(net, block, c, 0, x)] += rest
            slots.fires[into, reading.table_entry(net, block, c, 1, x)] += (
                numbers.yes[s, at] * present + numbers.no[s, at] * rest
            )
        slots.untried[at] = 0.0
        slots.fires[into, at] += share * present
        slots.spares[into, at] += share * rest
        slots.trials[into, at] += share * (numbers.yes[s, at] * present + numbers.no[s, at] * rest)


def without_way(net, numbers, said, r, block, v, x, way, absent, present):
    """Return what a lane says if one way (a link, or -1 for the leak) does not fire."""
    s = block.set
    spares = 1.0
    fires = 0.0
    if way >= 0:
        leak = reading.leak_entry(net, block, v - net.n_contexts, x)
        spares = numbers.no[s, leak]
        fires = numbers.yes[s, leak]
    for e in range(net.in_at[v], net.in_at[v + 1]):
        c = net.source[e]
        if e == way or net.inhibits[e] or block.active[c]:
            continue
        if reading.is_averaged(net, said, r, c, block):
            share = numbers.yes[s, reading.table_entry(net, block, c, 1, x)]
            none = numbers.yes[s, reading.table_entry(net, block, c, 0, x)]
            fires += spares * share * numbers.yes[s, block.slot[e]]
            spares *= share * numbers.no[s, block.slot[e]] + none
        elif block.state[c, x] == 1:
            fires += spares * numbers.yes[s, block.slot[e]]
            spares *= numbers.no[s, block.slot[e]]
    return spares * absent + fires * present


def add_tested(net, numbers, said, r, block, plan, work, i, into, slots):
    """Add the trials of links from contexts that are nodes, and of findings; and the spares of absent findings."""
    mass = 0.0
    for x in range(i * block.strata, (i + 1) * block.strata):
        mass += block.weight[x] * work.gradient[x]
    for k in range(net.n_causes):
        block.present[net.n_contexts + k] = cause_share(net, block, plan, work, k, i, 1)
        block.absent[net.n_contexts + k] = -1.0
        if plan.want == names.ENDS:
            block.absent[net.n_contexts + k] = cause_share(net, block, plan, work, k, i, 0)
    for c in range(net.n_contexts):
        if block.active[c]:
            for j in range(net.out_at[c], net.out_at[c + 1]):
                slots.trials[into, block.slot[net.out[j]]] += work.halves[c, 1, i]
                slots.untried[block.slot[net.out[j]]] = 0.0
    for v in range(net.first_finding, net.first_union):
        if said[r, v] != names.UNKNOWN and net.tells[v] < 0:
            add_finding(net, numbers, block, v, mass, net.high[net.span_at[v] + said[r, v]], into, slots)
    for u in range(net.n_unions):
        if said[r, net.first_union + u] == 0 or block.active[net.first_union + u]:
            for j in range(net.member_at[u], net.member_at[u + 1]):
                v = net.member[j]
                if said[r, v] == names.UNKNOWN and not is_told(net, block, v):
                    high = net.top[v] if said[r, net.first_union + u] else 0
                    add_finding(net, numbers, block, v, mass, high, into, slots)
    for d in range(net.n_described):
        if block.told[d] == names.PRODUCED:
            for j in range(net.part_at[d], net.part_at[d + 1]):
                if said[r, net.part[j]] == names.UNKNOWN:
                    add_finding(net, numbers, block, net.part[j], mass, 1, into, slots)
            for j in range(net.telling_at[d], net.telling_at[d + 1]):
                if said[r, net.telling[j]] != names.UNKNOWN:
                    add_telling(net, numbers, block, plan, work, net.telling[j], i, into, slots)


def is_told(net, block, v):
    """Whether a finding belongs to a described one that may be produced, and of which something is told."""
    return net.described[v] >= 0 and block.told[net.described[v]] == names.PRODUCED


def add_finding(net, numbers, block, v, mass, high, into, slots):
    """Add the trials of the leak and the links of a finding; and what is said of them where it is a factor only."""
    s = block.set
    add_trials(net, slots, block.leak[v], v, mass, 0.0, into)
    is_factor = high < net.top[v] and not block.active[v]
    if is_factor:
        add_cap(numbers, s, slots, block.leak[v], high, mass, into)
    for e in range(net.in_at[v], net.in_at[v + 1]):
        if net.kind[net.source[e]] == names.CAUSE:
            off = block.absent[net.source[e]]
            add_trials(net, slots, block.slot[e], v, block.present[net.source[e]], off, into)
            if is_factor:
                add_cap(numbers, s, slots, block.slot[e], high, block.present[net.source[e]], into)


def add_telling(net, numbers, block, plan, work, v, i, into, slots):
    """Add the trials of the links into what describes a finding; and what is said of them where it is a factor only."""
    for e in range(net.in_at[v], net.in_at[v + 1]):
        if block.active[net.source[e]]:
            off = work.halves[net.source[e], 0, i] if plan.want == names.ENDS else -1.0
            add_trials(net, slots, block.slot[e], v, work.halves[net.source[e], 1, i], off, into)
            if not block.active[v] and block.high[v] < net.top[v]:
                share = work.halves[net.source[e], 1, i]
                add_cap(numbers, block.set, slots, block.slot[e], block.high[v], share, into)


def add_trials(net, slots, slot, v, mass, untried, into):
    """Add to the trials of each state of a leak or link; `untried` is the rest, -1 where that is not wanted."""
    for d in range(net.top[v]):
        slots.trials[into, slot + d] += mass
        slots.untried[slot + d] = untried


def add_cap(numbers, s, slots, slot, high, mass, into):
    """Add what is said of a leak or link that raised a finding no further than to a state."""
    whole = reading.within(numbers, s, slot, 0, high)
    if whole > 0.0:
        slots.spares[into, slot] += mass / whole
        for d in range(1, high + 1):
            slots.fires[into, slot + d - 1] += mass / whole


def add_leaks(net, numbers, said, r, block, plan, work, n_rows, v, into, slots):
    """Share out what is said of the leak of a union among its open members."""
    u = v - net.first_union
    first = net.member_at[u]
    last = net.member_at[u + 1]
    absent = all_sums(block, plan, work, v, n_rows, 0)
    present = all_sums(block, plan, work, v, n_rows, 1) / block.scale[v]
    for i in range(first, last):
        j = net.member[i]
        if said[r, j] == names.UNKNOWN:
            slots.fires[into, block.leak[j]] += present
            spared = without_part(net, numbers, said, r, block, net.member, first, last, j, -1)
            fired = by_another(net, numbers, said, r, block, net.member, first, last, j, -1)
            slots.spares[into, block.leak[j]] += spared * absent + fired * present


def add_parts(net, numbers, said, r, block, work, e, parts, first, last, into, slots):
    """Share out what is said of a link that is the OR of those from its source to the open ones of some findings."""
    source = net.source[e]
    fires = link_fires(net, block, work, e)
    spares = work.linked[e, 2]
    if net.kind[net.target[e]] != names.EVENT:
        spares += work.linked[e, 1]
    for i in range(first, last):
        j = parts[i]
        d = link_from(net, source, j)
        if said[r, j] == names.UNKNOWN and d >= 0:
            slots.fires[into, block.slot[d]] += fires
            spared = without_part(net, numbers, said, r, block, parts, first, last, j, source)
            fired = by_another(net, numbers, said, r, block, parts, first, last, j, source)
            slots.spares[into, block.slot[d]] += spared * spares + fired * fires


def link_from(net, source, v):
    """Return the number of the link from a source into a node, -1 if there is none."""
    for e in range(net.in_at[v], net.in_at[v + 1]):
        if net.source[e] == source:
            return e
    return -1


def slot_of(net, block, source, v):
    """Return the slot of the link from a source into a finding, or of its leak where the source is -1; -1 for none."""
    if source < 0:
        return block.leak[v]
    e = link_from(net, source, v)
    return block.slot[e] if e >= 0 else -1


def without_part(net, numbers, said, r, block, parts, first, last, j, source):
    """Return P(no link from a source, or no leak where it is -1, fires at the open ones of some findings but j)."""
    spares = 1.0
    for i in range(first, last):
        v = parts[i]
        at = slot_of(net, block, source, v)
        if v != j and said[r, v] == names.UNKNOWN and at >= 0:
            spares *= numbers.no[block.set, at]
    return spares


def by_another(net, numbers, said, r, block, parts, first, last, j, source):
    """Return 1 - `without_part`, of positive terms: each is that one fires, and none of those before it."""
    fired = 0.0
    spares = 1.0
    for i in range(first, last):
        v = parts[i]
        at = slot_of(net, block, source, v)
        if v != j and said[r, v] == names.UNKNOWN and at >= 0:
            fired += spares * numbers.yes[block.set, at]
            spares *= numbers.no[block.set, at]
    return fired
