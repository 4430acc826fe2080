"""A network as flat arrays: nodes, links, tables; and the numbers of parameter sets.

Nodes are numbered contexts, causes, findings, unions (the OR of some findings), groups (the OR of some causes),
events, the background. Links are the arrows of all noisy-ORs and noisy-MAXs, those into a node next to each other:
context -> cause, cause -> finding, cause -> union (their numbers follow from those of its members), cause -> group
(certain), and cause -| cause for "excludes", which makes its target absent. Contexts on whose state a table of another
variable depends are *strata*: where they are unknown, their joint states are the lanes of a row. Other contexts are
nodes.

A finding is graded: of its states, in order, the evidence names a span, `low` to `high`. What is a bit of the sweep is
whether some parent raised it to `low`; that none raised it above `high` is a factor of each parent.

What describes a finding, or a union, depends on what *produced* it. Of each pair of a described finding and one of its
causes there is an event: that a link from the cause fired. A link into the described finding sets the event at the same
time; the links into what describes it start at the events. The leaks take part as links of the background, a node that is
always present. Events and the background are part of a problem only where something that describes is observed.

The numbers of a parameter set stand in *slots*: entries of the contexts' tables, leaks of the causes, leaks of the
findings, links into causes and findings, one after the other (see `twitchbayes.network`). A leak or link into a graded
finding has a slot for each state above the lowest, one after the other.
"""

import numpy as np

import twitchbayes.inference.names as names
from twitchbayes.spans import spans


def doubles(*shape):
    """Return zeros as a memoryview, of which plain Python reads single items faster than of an array."""
    return memoryview(np.zeros(shape))


def integers(*shape):
    """Return zeros of the size of an index as a memoryview."""
    return memoryview(np.zeros(shape, dtype=np.intp))


def index_of(items):
    """Return some whole numbers as a memoryview of the size of an index."""
    return memoryview(np.array(items, dtype=np.intp).reshape(-1))


def ragged(lists):
    """Return where each list begins (len + 1), and the lists one after the other."""
    at = np.zeros(len(lists) + 1, dtype=np.intp)
    np.cumsum([len(items) for items in lists], out=at[1:])
    return memoryview(at), index_of([item for items in lists for item in items])


class Structure:
    """What depends on what.

    Parameters
    ----------
    cards : sequence of int
        Number of states of each context.
    context_parents, cause_strata : sequence of sequence of int
        Contexts that the table of each context, and the leak of each cause, depends on.
    links : sequence of pair of int
        Source and target nodes of the links into causes and findings, sorted by target and source.
    n_findings : int
    unions, groups : sequence of sequence of int
        Numbers of the findings, or causes, of which each union, or group, is the OR. No finding is in two unions.
    excludes : sequence of pair of int
        Numbers of causes: where the first is present the second is absent.
    levels : sequence of int, optional
        Number of states of each finding; 2 otherwise. Those of described findings and of members of unions are 2.
    of : sequence of int, optional
        For each finding what it describes: the number of a finding, or of a union behind those of the findings; -1
        for nothing. No finding is described both by itself and as a member of a union. The sources of the links into
        what describes have a link into what is described.
    leak_strata, link_strata : sequence of sequence of int, optional
        Contexts that the leak of each finding, and the number of each link, depends on. They are known in every row.

    Attributes
    ----------
    kind : (n_nodes,)
    in_at, source, target, inhibits : (n_nodes + 1,), (n_links,), (n_links,), (n_links,)
        Links into node v are in_at[v] .. in_at[v + 1] - 1; `inhibits` is 1 for cause -| cause.
    out_at, out : (n_nodes + 1,), (n_links,)
        out[out_at[v] : out_at[v + 1]] are the numbers of the links from node v.
    slot, event : (n_links,)
        First slot of a link in its first stratum, -1 of one that follows from others; the event that a link sets when
        it fires, -1 for none.
    leak : (n_nodes,)
        First slot of the leak of a finding in its first stratum.
    is_excluded : (n_nodes,)
        Whether a link inhibits a node.
    cards, is_stratum, is_used : (n_contexts,)
        Number of states; whether another table depends on its state; whether a cause does, if through other contexts.
    parent_at, parent, parent_stride, table_at
        Parents of a context, their strides in its table, where its table begins; the own state is the fastest.
    stratum_at, stratum, stratum_stride, leak_at
        The same of the leaks of the causes.
    stratified, shift_at, shift, shift_stride
        Findings and links whose numbers depend on contexts: v, or n_nodes + e; the contexts of each, and their strides.
    member_at, member
        Nodes of the findings of each union.
    top, span_at, low, high
        Highest state of each node; low[span_at[v] + code] and high[...] are the span that a code of it says.
    tells, described : (n_nodes,)
        Which described finding, by number, a finding describes; which one a finding, union or event belongs to; else -1.
    whole, part_at, part, telling_at, telling, event_at
        Of each described finding: its node, the nodes it is the OR of (itself, if no union), the findings that describe
        it, the numbers of its events; the last of these is that of the background.
    first_leak, first_finding_leak, first_link, n_slots
        Where each kind of slots begins; those of tables begin at 0.
    """

    def __init__(
        self,
        cards,
        context_parents,
        cause_strata,
        links,
        n_findings,
        unions,
        groups=(),
        excludes=(),
        *,
        levels=None,
        of=None,
        leak_strata=None,
        link_strata=None,
    ):
        self.n_contexts, self.n_causes, self.n_findings = len(cards), len(cause_strata), n_findings
        self.n_unions, self.n_groups = len(unions), len(groups)
        self.first_finding = self.n_contexts + self.n_causes
        self.first_union = self.first_finding + n_findings
        self.first_group = self.first_union + self.n_unions
        self.first_event = self.first_group + self.n_groups
        self.cards = index_of(cards)
        levels, of = levels or [2] * n_findings, of or [-1] * n_findings
        into = [[] for _ in range(self.first_event)]
        links = sorted(links, key=lambda ends: (ends[1], ends[0]))
        for source, target in links:
            into[target].append(source)
        members = [[self.first_finding + j for j in union] for union in unions]
        for u, union in enumerate(members):
            into[self.first_union + u] = sorted({s for j in union for s in into[j]})
        self._describe(of, members, into)
        self._connect(into, groups, excludes)
        self._tell_spans(cards, levels)
        self._tell_contexts(context_parents, cause_strata, links)
        self.parent_at, self.parent = ragged(context_parents)
        self.parent_stride, self.table_at = self._tables(context_parents, cards)
        self.stratum_at, self.stratum = ragged(cause_strata)
        self.stratum_stride, self.leak_at = self._tables(cause_strata, [1] * self.n_causes)
        self.member_at, self.member = ragged(members)
        self._number(links, levels, leak_strata or [()] * n_findings, link_strata or [()] * len(links))

    def _describe(self, of, members, into):
        """Count the described findings, and the events of each: one for each of its sources, and the background's."""
        places = sorted({place for place in of if place >= 0})
        wholes = [self.first_finding + place for place in places]
        parts = [members[v - self.first_union] if v >= self.first_union else [v] for v in wholes]
        self.n_described = len(wholes)
        self.whole = index_of(wholes)
        self.part_at, self.part = ragged(parts)
        telling = [[self.first_finding + t for t, place in enumerate(of) if place == w] for w in places]
        self.telling_at, self.telling = ragged(telling)
        self._sources = [[*sorted({s for j in own for s in into[j]}), -1] for own in parts]
        self.event_at, _ = ragged(self._sources)
        self.n_events = self.event_at[self.n_described]
        self.background = self.first_event + self.n_events
        self.n_nodes = self.background + (self.n_described > 0)
        counts = [self.n_contexts, self.n_causes, self.n_findings, self.n_unions, self.n_groups, self.n_events]
        kinds = np.repeat(np.arange(7), [*counts, self.n_nodes - self.background])
        self.kind = memoryview(kinds.astype(np.intp))
        tells, described = np.full(self.n_nodes, -1, dtype=np.intp), np.full(self.n_nodes, -1, dtype=np.intp)
        for d in range(self.n_described):
            tells[telling[d]] = d
            described[[wholes[d], *parts[d]]] = d
            described[self.first_event + self.event_at[d] : self.first_event + self.event_at[d + 1]] = d
        self.tells, self.described = memoryview(tells), memoryview(described)

    def _event(self, d, source):
        """Return the node of the event that a source (-1: the background) produced a described finding."""
        return self.first_event + self.event_at[d] + self._sources[d].index(source)

    def _connect(self, into, groups, excludes):
        """Lay the links: of each node (source, whether it inhibits, event that it sets) of those into it."""
        lists = [[(s, 0, -1) for s in sources] for sources in into] + [[] for _ in range(self.n_nodes - len(into))]
        for v in range(self.first_finding, self.first_group):
            d = self.described[v]
            if d >= 0:
                lists[v] = [(s, 0, self._event(d, s)) for s in into[v]]
                lists[v].append((self.background, 0, self._event(d, -1)))
            if self.tells[v] >= 0:
                lists[v] = [(self._event(self.tells[v], s), 0, -1) for s in [*into[v], -1]]
        for source, target in excludes:
            lists[self.n_contexts + target].append((self.n_contexts + source, 1, -1))
        for g, group in enumerate(groups):
            lists[self.first_group + g] = [(self.n_contexts + k, 0, -1) for k in group]
        for d, sources in enumerate(self._sources):
            for source in sources:
                lists[self._event(d, source)] = [(self.background if source < 0 else source, 0, -1)]
        self.in_at, self.source = ragged([[s for s, _, _ in own] for own in lists])
        _, self.inhibits = ragged([[i for _, i, _ in own] for own in lists])
        _, self.event = ragged([[event for _, _, event in own] for own in lists])
        self.n_links = len(self.source)
        sources = np.asarray(self.source)
        self.is_excluded = index_of([any(i for _, i, _ in own) for own in lists])
        self.target = memoryview(np.repeat(np.arange(self.n_nodes), np.diff(self.in_at)).astype(np.intp))
        self.out = memoryview(np.argsort(sources, kind="stable").astype(np.intp))
        self.out_at = memoryview(np.searchsorted(np.sort(sources), np.arange(self.n_nodes + 1)).astype(np.intp))

    def _tell_spans(self, cards, levels):
        """Say of each node how high it goes, and which span each code of it means."""
        binary = [2]
        n_states = list(cards) + binary * self.n_causes + list(levels) + binary * (self.n_nodes - self.first_union)
        # Of a context a code is its state.
        own = [
            spans(n) if self.kind[v] == names.FINDING else [(s, s) for s in range(n)] for v, n in enumerate(n_states)
        ]
        self.top = index_of([n - 1 for n in n_states])
        self.span_at, self.low = ragged([[low for low, _ in codes] for codes in own])
        _, self.high = ragged([[high for _, high in codes] for codes in own])

    def _tell_contexts(self, context_parents, cause_strata, links):
        """Say of each context whether a table depends on its state, and whether a cause does."""
        n = self.n_contexts
        named = {c for parents in (*context_parents, *cause_strata) for c in parents}
        self.is_stratum = index_of([c in named for c in range(n)])
        used = {c for strata in cause_strata for c in strata} | {s for s, _ in links if s < n}
        for _ in range(n):
            used |= {p for c in used for p in context_parents[c]}
        self.is_used = index_of([c in used for c in range(n)])
        self.all_used = int(len(used) == n)

    def _tables(self, lists, own):
        """Return the strides of the axes of each table, and where each table begins."""
        strides, sizes = [], [0]
        for axes, inner in zip(lists, own, strict=True):
            row, step = [], inner
            for c in reversed(axes):
                row.append(step)
                step *= int(self.cards[c])
            strides += reversed(row)
            sizes.append(step)
        return index_of(strides), memoryview(np.cumsum(sizes).astype(np.intp))

    def _number(self, links, levels, leak_strata, link_strata):
        """Say where the numbers of each leak and link stand, and what shifts them."""
        n_above = [n - 1 for n in levels]
        into = [n_above[t - self.first_finding] if t >= self.first_finding else 1 for _, t in links]
        leak_strides, leak_at = self._tables(leak_strata, n_above)
        link_strides, link_at = self._tables(link_strata, into)
        self.first_leak = self.table_at[self.n_contexts]
        self.first_finding_leak = self.first_leak + self.leak_at[self.n_causes]
        self.first_link = self.first_finding_leak + leak_at[self.n_findings]
        self.n_slots = self.first_link + link_at[len(links)]
        leak, slot = np.full(self.n_nodes, -1, dtype=np.intp), np.full(self.n_links, -1, dtype=np.intp)
        shifts = []
        first_stride, place = 0, 0
        for i, (_, target) in enumerate(links):
            place = place + 1 if i and target == links[i - 1][1] else self.in_at[target]
            slot[place] = self.first_link + link_at[i]
            shifts.append((self.n_nodes + place, link_strata[i], link_strides[first_stride:]))
            first_stride += len(link_strata[i])
        first_stride = 0
        for j, strata in enumerate(leak_strata):
            v = self.first_finding + j
            leak[v] = self.first_finding_leak + leak_at[j]
            places = [v]
            if self.described[v] >= 0 or self.tells[v] >= 0:  # the last link is that of the background, or its event
                slot[self.in_at[v + 1] - 1] = leak[v]
                places.append(self.n_nodes + self.in_at[v + 1] - 1)
            shifts += [(place, strata, leak_strides[first_stride:]) for place in places]
            first_stride += len(strata)
        self.leak, self.slot = memoryview(leak), memoryview(slot)
        shifts = [(place, strata, strides[: len(strata)]) for place, strata, strides in shifts if strata]
        self.n_stratified = len(shifts)
        self.stratified = index_of([place for place, _, _ in shifts])
        self.shift_at, self.shift = ragged([strata for _, strata, _ in shifts])
        self.shift_stride = index_of([step for _, _, strides in shifts for step in strides])


class Numbers:
    """The numbers of parameter sets, each with its complement: (n_sets, n_slots).

    `yes` is the number, `no` is 1 - number, to its own full precision where a link is nearly certain. A link of
    "excludes" has 1 and 0. In the first slot of a leak or link into a graded finding, `no` is 1 - the sum of all of its
    slots: the chance of the lowest state.
    """

    def __init__(self, yes, no):
        self.n_sets = len(yes)
        self.yes, self.no = memoryview(yes), memoryview(no)
