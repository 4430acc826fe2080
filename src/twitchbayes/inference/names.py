"""Numbers with a name, which compiled modules see as C constants through `names.pxd`."""

UNKNOWN = -1  # in evidence
CONTEXT, CAUSE, FINDING, UNION, GROUP, EVENT, BACKGROUND = range(7)  # kinds of nodes, in the order of their numbers
CLOSED, OPENED, WAITING = range(3)  # what a plan has done with a node
STEADY, VARIES = 1, 2  # of an active node: whether its start differs between the strata of a row
OPEN, LINKS, STOP, CLOSE, SUM = range(5)  # kinds of steps
KIND, NODE, BIT, FIRST, LAST, PLACE = range(6)  # columns of the steps of a plan
LISTED, GREEDY, VARYING, FINDINGS, CAUSES = range(5)  # ways to choose what is completed next
EVIDENCE, MARGINALS, COUNTS, ENDS = range(4)  # what is wanted of a sweep; each includes those before it
ABSENT, PRESENT = range(2)
PRODUCED, ABSENT_WHOLE = 1, 2  # of a described finding: whether it may have been produced
MOST_LANES = 32  # of a block of several rows
BLOCK_CELLS = 16384  # numbers in the largest state of such a block: it stays in the cache of a core
