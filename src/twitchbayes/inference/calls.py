"""What Python calls: the loops over rows, which run without the GIL where they are compiled."""

import twitchbayes.inference.free as free


def weigh_rows(net, numbers, codes, order, same, first, last, stride, desk, logs):
    """See `rows.weigh_rows`."""
    return free.weigh_rows(net, numbers, codes, order, same, first, last, stride, desk, logs)


def answer_rows(net, numbers, codes, order, same, first, last, stride, first_group, desk, out):
    """See `rows.answer_rows`."""
    return free.answer_rows(net, numbers, codes, order, same, first, last, stride, first_group, desk, out)


def count_rows(net, numbers, codes, order, same, weights, each, first, last, desk, logs, slots):
    """See `rows.count_rows`."""
    return free.count_rows(net, numbers, codes, order, same, weights, each, first, last, desk, logs, slots)


def differentiate(net, numbers, codes, r, desk, slots):
    """See `rows.differentiate`."""
    return free.differentiate(net, numbers, codes, r, desk, slots)
