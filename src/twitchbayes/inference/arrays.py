"""A network as flat arrays: nodes, links, tables; and the numbers of parameter sets.

Nodes are numbered contexts, causes, findings, unions (the OR of some findings), groups (the OR of some causes). Links
are the arrows of all noisy-ORs, those into a node next to each other: context -> cause, cause -> finding, cause ->
union (their numbers follow from those of its members), cause -> group (certain), and cause -| cause for "excludes",
which makes its target absent. Contexts on whose state a table of another variable depends are *strata*: where they
are unknown, their joint states are the lanes of a row. Other contexts are nodes.

The numbers of a parameter set stand in *slots*: entries of the contexts' tables, leaks of the causes, leaks of the
findings, links into causes and findings, one after the other (see `twitchbayes.network`).
"""

import numpy as np


def doubles(*shape):
    """Return zeros as a memoryview, of which plain Python reads single items faster than of an array."""
    return memoryview(np.zeros(shape))


def integers(*shape):
    """Return zeros of the size of an index as a memoryview."""
    return memoryview(np.zeros(shape, dtype=np.intp))


def ragged(lists):
    """Return where each list begins (len + 1), and the lists one after the other."""
    at = np.zeros(len(lists) + 1, dtype=np.intp)
    np.cumsum([len(items) for items in lists], out=at[1:])
    return memoryview(at), memoryview(np.array([item for items in lists for item in items], dtype=np.intp))


class Structure:
    """What depends on what.

    Parameters
    ----------
    cards : sequence of int
        Number of states of each context.
    context_parents, cause_strata : sequence of sequence of int
        Contexts that the table of each context, and the leak of each cause, depends on.
    links : sequence of pair of int
        Source and target nodes of the links into causes and findings.
    n_findings : int
    unions, groups : sequence of sequence of int
        Numbers of the findings, or causes, of which each union, or group, is the OR. No finding is in two unions.
    excludes : sequence of pair of int
        Numbers of causes: where the first is present the second is absent.

    Attributes
    ----------
    kind : (n_nodes,)
    in_at, source, target, inhibits : (n_nodes + 1,), (n_links,), (n_links,), (n_links,)
        Links into node v are in_at[v] .. in_at[v + 1] - 1; `inhibits` is 1 for cause -| cause.
    out_at, out : (n_nodes + 1,), (n_links,)
        out[out_at[v] : out_at[v + 1]] are the numbers of the links from node v.
    is_excluded : (n_nodes,)
        Whether a link inhibits a node.
    cards, is_stratum, is_used : (n_contexts,)
        Number of states; whether another table depends on its state; whether a cause does, if through other contexts.
    parent_at, parent, parent_stride, table_at
        Parents of a context, their strides in its table, where its table begins; the own state is the fastest.
    stratum_at, stratum, stratum_stride, leak_at
        The same of the leaks of the causes.
    member_at, member
        Nodes of the findings of each union.
    first_leak, first_finding_leak, first_link, n_slots
        Where each kind of slots begins; those of tables begin at 0.
    """

    def __init__(self, cards, context_parents, cause_strata, links, n_findings, unions, groups=(), excludes=()):
        self.n_contexts, self.n_causes, self.n_findings = len(cards), len(cause_strata), n_findings
        self.n_unions, self.n_groups = len(unions), len(groups)
        counts = [self.n_contexts, self.n_causes, n_findings, self.n_unions, self.n_groups]
        self.n_nodes = sum(counts)
        self.first_finding = self.n_contexts + self.n_causes
        self.first_union = self.first_finding + n_findings
        self.first_group = self.first_union + self.n_unions
        self.kind = memoryview(np.repeat(np.arange(5), counts).astype(np.intp))
        into = [[] for _ in range(self.n_nodes)]
        for source, target in sorted(links):
            into[target].append((source, 0))
        for source, target in excludes:
            into[self.n_contexts + target].append((self.n_contexts + source, 1))
        members = [[self.first_finding + j for j in union] for union in unions]
        for u, union in enumerate(members):
            into[self.first_union + u] = [(k, 0) for k in sorted({s for j in union for s, _ in into[j]})]
        for g, group in enumerate(groups):
            into[self.first_group + g] = [(self.n_contexts + k, 0) for k in group]
        self._link(into)
        self.cards = memoryview(np.array(cards, dtype=np.intp))
        named = {c for parents in (*context_parents, *cause_strata) for c in parents}
        self.is_stratum = memoryview(np.array([c in named for c in range(len(cards))], dtype=np.intp))
        used = {c for strata in cause_strata for c in strata} | {s for s, _ in links if s < len(cards)}
        for _ in cards:
            used |= {p for c in used for p in context_parents[c]}
        self.is_used = memoryview(np.array([c in used for c in range(len(cards))], dtype=np.intp))
        self.all_used = int(len(used) == len(cards))
        self.parent_at, self.parent = ragged(context_parents)
        self.parent_stride, self.table_at = self._tables(context_parents, cards)
        self.stratum_at, self.stratum = ragged(cause_strata)
        self.stratum_stride, self.leak_at = self._tables(cause_strata, [1] * self.n_causes)
        self.member_at, self.member = ragged(members)
        self.first_leak = self.table_at[self.n_contexts]
        self.first_finding_leak = self.first_leak + self.leak_at[self.n_causes]
        self.first_link = self.first_finding_leak + n_findings
        self.n_slots = self.first_link + self.in_at[self.first_union]

    def _link(self, into):
        self.in_at, self.source = ragged([[s for s, _ in links] for links in into])
        _, self.inhibits = ragged([[i for _, i in links] for links in into])
        self.n_links = len(self.source)
        sources = np.asarray(self.source)
        self.is_excluded = memoryview(np.array([any(i for _, i in links) for links in into], dtype=np.intp))
        self.target = memoryview(np.repeat(np.arange(self.n_nodes), np.diff(self.in_at)).astype(np.intp))
        self.out = memoryview(np.argsort(sources, kind="stable").astype(np.intp))
        self.out_at = memoryview(np.searchsorted(np.sort(sources), np.arange(self.n_nodes + 1)).astype(np.intp))

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
        return memoryview(np.array(strides, dtype=np.intp)), memoryview(np.cumsum(sizes).astype(np.intp))


class Numbers:
    """The numbers of parameter sets, each with its complement: (n_sets, n_slots).

    `yes` is the number, `no` is 1 - number, to its own full precision where a link is nearly certain. A link of
    "excludes" has 1 and 0.
    """

    def __init__(self, yes, no):
        self.n_sets = len(yes)
        self.yes, self.no = memoryview(yes), memoryview(no)
