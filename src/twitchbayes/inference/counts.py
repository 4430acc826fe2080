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

import twitchbayes.inference.arrays as arrays
import twitchbayes.inference.names as names
import twitchbayes.inference.reading as reading


class Slots:
    """What is said of each slot of a network, a row for each row of evidence that is kept apart.

    Attributes
    ----------
    fires, spares, trials : (n_rows, n_slots)
        `spares` of the links of findings is filled where ENDS are wanted, and else 0. The trials of a table's entry
        stay 0: they are the sum of the successes of the entries beside it.
    """

    def __init__(self, net, n_rows):
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
        if net.kind[net.target[e]] <= names.FINDING and not net.inhibits[e]:
            slots.fires[into, net.first_link + e] += link_fires(net, block, work, e)
            slots.spares[into, net.first_link + e] += work.linked[e, 2] + work.linked[e, 1]
    for i in range(block.n_nodes):
        v = block.nodes[i]
        if net.kind[v] == names.FINDING:
            leak = net.first_finding_leak + v - net.first_finding
            slots.fires[into, leak] += all_sums(block, plan, work, v, n_rows, 1) / block.scale[v]
            slots.spares[into, leak] += all_sums(block, plan, work, v, n_rows, 0)
        elif net.kind[v] == names.UNION:
            add_union(net, numbers, said, first, block, plan, work, n_rows, v, into, slots)


def link_fires(net, block, work, e):
    """Return dP / d(a link fires): its target becomes present, in units of its scale, or is present already."""
    newly = work.linked[e, 0]
    if net.kind[net.target[e]] >= names.FINDING:
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
        at = net.first_link + e
        rest = without_way(net, numbers, said, r, block, v, x, e, absent, present)
        share = 1.0
        if averaged:
            share = numbers.yes[s, reading.table_entry(net, block, c, 1, x)]
            slots.fires[into, reading.table_entry(net, block, c, 0, x)] += rest
            slots.fires[into, reading.table_entry(net, block, c, 1, x)] += (
                numbers.yes[s, at] * present + numbers.no[s, at] * rest
            )
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
            fires += spares * share * numbers.yes[s, net.first_link + e]
            spares *= share * numbers.no[s, net.first_link + e] + none
        elif block.state[c, x] == 1:
            fires += spares * numbers.yes[s, net.first_link + e]
            spares *= numbers.no[s, net.first_link + e]
    return spares * absent + fires * present


def add_tested(net, numbers, said, r, block, plan, work, i, into, slots):
    """Add the trials of links from contexts that are nodes, and of findings; and the spares of absent findings."""
    mass = 0.0
    for x in range(i * block.strata, (i + 1) * block.strata):
        mass += block.weight[x] * work.gradient[x]
    for k in range(net.n_causes):
        block.present[net.n_contexts + k] = cause_share(net, block, plan, work, k, i, 1)
    for c in range(net.n_contexts):
        if block.active[c]:
            for j in range(net.out_at[c], net.out_at[c + 1]):
                slots.trials[into, net.first_link + net.out[j]] += work.halves[c, 1, i]
    for v in range(net.first_finding, net.first_union):
        if said[r, v] != names.UNKNOWN:
            add_finding(net, numbers, block, v, mass, said[r, v] == 0 and not block.waits[v], into, slots)
    for u in range(net.n_unions):
        if said[r, net.first_union + u] == 0 or block.active[net.first_union + u]:
            for j in range(net.member_at[u], net.member_at[u + 1]):
                v = net.member[j]
                if said[r, v] == names.UNKNOWN:
                    absent = said[r, net.first_union + u] == 0 and not block.waits[v]
                    add_finding(net, numbers, block, v, mass, absent, into, slots)


def add_finding(net, numbers, block, v, mass, absent, into, slots):
    """Add the trials of the leak and the links of a finding; if it is a factor of its causes, the spares too."""
    s = block.set
    leak = net.first_finding_leak + v - net.first_finding
    slots.trials[into, leak] += mass
    if absent and numbers.no[s, leak] > 0.0:
        slots.spares[into, leak] += mass / numbers.no[s, leak]
    for e in range(net.in_at[v], net.in_at[v + 1]):
        at = net.first_link + e
        slots.trials[into, at] += block.present[net.source[e]]
        if absent and numbers.no[s, at] > 0.0:
            slots.spares[into, at] += block.present[net.source[e]] / numbers.no[s, at]


def add_union(net, numbers, said, r, block, plan, work, n_rows, v, into, slots):
    """Share out what is said of the leak and the links of a union among its open members."""
    u = v - net.first_union
    leaks_absent = all_sums(block, plan, work, v, n_rows, 0)
    leaks_present = all_sums(block, plan, work, v, n_rows, 1) / block.scale[v]
    for i in range(net.member_at[u], net.member_at[u + 1]):
        j = net.member[i]
        if said[r, j] != names.UNKNOWN:
            continue
        leak = net.first_finding_leak + j - net.first_finding
        slots.fires[into, leak] += leaks_present
        spared = without_member(net, numbers, said, r, block.set, u, j, -1)
        fired = by_another(net, numbers, said, r, block.set, u, j, -1)
        slots.spares[into, leak] += spared * leaks_absent + fired * leaks_present
        e = net.in_at[v]
        for d in range(net.in_at[j], net.in_at[j + 1]):
            while net.source[e] != net.source[d]:
                e += 1
            if block.live[e]:
                fires = link_fires(net, block, work, e)
                spared = without_member(net, numbers, said, r, block.set, u, j, net.source[d])
                slots.fires[into, net.first_link + d] += fires
                fired = by_another(net, numbers, said, r, block.set, u, j, net.source[d])
                slots.spares[into, net.first_link + d] += (
                    spared * (work.linked[e, 2] + work.linked[e, 1]) + fired * fires
                )


def without_member(net, numbers, said, r, s, u, j, source):
    """Return P(no link from a source, or no leak where it is -1, fires at the open members of a union other than j)."""
    spares = 1.0
    for i in range(net.member_at[u], net.member_at[u + 1]):
        v = net.member[i]
        if v == j or said[r, v] != names.UNKNOWN:
            continue
        if source < 0:
            spares *= numbers.no[s, net.first_finding_leak + v - net.first_finding]
        for e in range(net.in_at[v], net.in_at[v + 1]):
            if net.source[e] == source:
                spares *= numbers.no[s, net.first_link + e]
    return spares


def by_another(net, numbers, said, r, s, u, j, source):
    """Return 1 - `without_member`, of positive terms: each is that a member fires, and none of those before it."""
    fired, spares = 0.0, 1.0
    for i in range(net.member_at[u], net.member_at[u + 1]):
        v = net.member[i]
        if v == j or said[r, v] != names.UNKNOWN:
            continue
        if source < 0:
            fired += spares * numbers.yes[s, net.first_finding_leak + v - net.first_finding]
            spares *= numbers.no[s, net.first_finding_leak + v - net.first_finding]
        for e in range(net.in_at[v], net.in_at[v + 1]):
            if net.source[e] == source:
                fired += spares * numbers.yes[s, net.first_link + e]
                spares *= numbers.no[s, net.first_link + e]
    return fired
