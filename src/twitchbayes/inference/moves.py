"""The steps of a plan and their transposes: everything that touches a large array is here.

A state is a flat array: subset of the open nodes (rows) times lanes, the lanes fastest. An open node has a bit; numbers
with that bit off come in runs of `run = lanes << bit`, each followed by as many with it on. All work is in place. The
transposes take a gradient back through a step, and read off the derivatives of P(evidence) on the way.
"""


def open_node(state, size, lanes, start, v, same):
    """Double a state (size -> 2 size): the node absent, then present. `same`: its start is the same in all lanes."""
    if same:
        absent = start[v, 0, 0]
        present = start[v, 1, 0]
        for i in range(size):
            state[size + i] = present * state[i]
        for i in range(size):
            state[i] *= absent
        return
    for subset in range(size // lanes):
        m = lanes * subset
        for x in range(lanes):
            state[size + m + x] = start[v, 1, x] * state[m + x]
        for x in range(lanes):
            state[m + x] *= start[v, 0, x]


def leave_out(state, size, lanes, start, end, v):
    """Multiply a state by P(a node absent) and what the evidence says of that: the node cannot be present."""
    for subset in range(size // lanes):
        m = lanes * subset
        for x in range(lanes):
            state[m + x] *= start[v, 0, x] * end[v, 0, x]


def open_back(gradient, size, lanes, start, v, same):
    """Transpose of `open_node` (2 size -> size)."""
    if same:
        absent = start[v, 0, 0]
        present = start[v, 1, 0]
        for i in range(size):
            gradient[i] = absent * gradient[i] + present * gradient[size + i]
        return
    for subset in range(size // lanes):
        m = lanes * subset
        for x in range(lanes):
            gradient[m + x] = start[v, 0, x] * gradient[m + x] + start[v, 1, x] * gradient[size + m + x]


def start_sums(store, place, gradient, size, lanes, sums, v, half):
    """Fill sums[v, half, lane] with dP / d(start), of absent (half 0) or present (1), before `open_back`.

    `store[place : place + size]` is the state before the node was opened.
    """
    at = size * half
    if lanes == 1:
        total = 0.0
        for i in range(size):
            total += store[place + i] * gradient[at + i]
        sums[v, half, 0] = total
        return
    for x in range(lanes):
        sums[v, half, x] = 0.0
    for subset in range(size // lanes):
        m = lanes * subset
        for x in range(lanes):
            sums[v, half, x] += store[place + m + x] * gradient[at + m + x]


def link(state, size, source, acts, fires, spares):
    """Let a link act: where the source is present and the target is absent, with `fires` it becomes present.

    `source` is the run of that node, and `acts` that of the target; or minus that, where the link inhibits: then a
    target that is present becomes absent. `spares` is 1 - fires. Runs that are short powers of two are gone through in
    one loop: many short ones would cost more than what they do.
    """
    target = acts if acts > 0 else -acts
    start = source if acts > 0 else source + target
    lower = min(source, target)
    upper = max(source, target)
    if lower < 8 and source & (source - 1) == 0:
        both = source | target
        i = start
        while i < size:
            state[i + acts] += fires * state[i]
            state[i] *= spares
            i = ((i | both) + 1) & ~both | start
        return
    for outer in range(size // (2 * upper)):
        a = 2 * upper * outer + start
        for inner in range(upper // (2 * lower)):
            b = a + 2 * lower * inner
            for i in range(b, b + lower):
                state[i + acts] += fires * state[i]
                state[i] *= spares


def link_back(gradient, size, source, acts, fires, spares):
    """Transpose of `link`."""
    target = acts if acts > 0 else -acts
    start = source if acts > 0 else source + target
    lower = min(source, target)
    upper = max(source, target)
    if lower < 8 and source & (source - 1) == 0:
        both = source | target
        i = start
        while i < size:
            gradient[i] = spares * gradient[i] + fires * gradient[i + acts]
            i = ((i | both) + 1) & ~both | start
        return
    for outer in range(size // (2 * upper)):
        a = 2 * upper * outer + start
        for inner in range(upper // (2 * lower)):
            b = a + 2 * lower * inner
            for i in range(b, b + lower):
                gradient[i] = spares * gradient[i] + fires * gradient[i + acts]


def link_both(state, size, source, target, event, fires, spares):
    """Let a link act on two nodes: where the source is present, with `fires` both of them become present."""
    low = min(source, target, event)
    high = max(source, target, event)
    middle = source + target + event - low - high
    for outer in range(size // (2 * high)):
        for between in range(high // (2 * middle)):
            for inner in range(middle // (2 * low)):
                a = 2 * high * outer + 2 * middle * between + 2 * low * inner + source
                for i in range(a, a + low):
                    state[i + target + event] += fires * (state[i] + state[i + target] + state[i + event])
                    state[i] *= spares
                    state[i + target] *= spares
                    state[i + event] *= spares


def both_back(gradient, size, source, target, event, fires, spares):
    """Transpose of `link_both`."""
    low = min(source, target, event)
    high = max(source, target, event)
    middle = source + target + event - low - high
    for outer in range(size // (2 * high)):
        for between in range(high // (2 * middle)):
            for inner in range(middle // (2 * low)):
                a = 2 * high * outer + 2 * middle * between + 2 * low * inner + source
                for i in range(a, a + low):
                    fired = fires * gradient[i + target + event]
                    gradient[i] = spares * gradient[i] + fired
                    gradient[i + target] = spares * gradient[i + target] + fired
                    gradient[i + event] = spares * gradient[i + event] + fired


def take_half(state, size, run, half):
    """Halve a state (size -> size / 2): a node that is known to be absent (half 0) or present (1) is closed."""
    at = 0
    if run == 1:
        for i in range(size // 2):
            state[i] = state[2 * i + half]
        return
    for outer in range(size // (2 * run)):
        a = 2 * run * outer + half * run
        for i in range(run):
            state[at + i] = state[a + i]
        at += run


def put_half(gradient, size, run, half):
    """Transpose of `take_half` (size -> 2 size)."""
    at = size - run
    if run == 1:
        for i in range(size - 1, -1, -1):
            gradient[2 * i + half] = gradient[i]
            gradient[2 * i + 1 - half] = 0.0
        return
    while at >= 0:
        for i in range(run):
            gradient[2 * at + half * run + i] = gradient[at + i]
        for i in range(run):
            gradient[2 * at + (1 - half) * run + i] = 0.0
        at -= run


def close_node(state, size, lanes, strata, run, end, v):
    """Halve a state (size -> size / 2): add up absent and present, each times what the evidence says of it."""
    at = 0
    if lanes == strata:
        absent = end[v, 0, 0]
        present = end[v, 1, 0]
        for outer in range(size // (2 * run)):
            a = 2 * run * outer
            for i in range(run):
                state[at + i] = absent * state[a + i] + present * state[a + run + i]
            at += run
        return
    for outer in range(size // (2 * run)):
        a = 2 * run * outer
        for subset in range(run // lanes):
            m = a + lanes * subset
            for x in range(lanes):
                state[at + x] = end[v, 0, x] * state[m + x] + end[v, 1, x] * state[m + run + x]
            at += lanes


def close_back(gradient, size, lanes, strata, run, end, v):
    """Transpose of `close_node` (size -> 2 size)."""
    at = size - run
    while at >= 0:
        if lanes == strata:
            absent = end[v, 0, 0]
            present = end[v, 1, 0]
            for i in range(run):
                gradient[2 * at + run + i] = present * gradient[at + i]
            for i in range(run):
                gradient[2 * at + i] = absent * gradient[at + i]
        else:
            for subset in range(run // lanes):
                m = lanes * subset
                for x in range(lanes):
                    gradient[2 * at + run + m + x] = end[v, 1, x] * gradient[at + m + x]
            for subset in range(run // lanes):
                m = lanes * subset
                for x in range(lanes):
                    gradient[2 * at + m + x] = end[v, 0, x] * gradient[at + m + x]
        at -= run


def add_strata(state, size, strata):
    """Add up the strata of each row (size -> size / strata)."""
    for row in range(size // strata):
        total = 0.0
        for x in range(strata):
            total += state[row * strata + x]
        state[row] = total


def strata_back(gradient, size, strata):
    """Transpose of `add_strata` (size -> size * strata)."""
    for row in range(size - 1, -1, -1):
        total = gradient[row]
        for x in range(strata):
            gradient[row * strata + x] = total


def rescale(state, size):
    """Multiply a state by a power of two that brings its largest number near 1, and return it; 1 where all is 0."""
    largest = 0.0
    for i in range(size):
        largest = max(largest, state[i])
    power = 1.0
    while 0.0 < largest < 0.5 and power < 1e270:
        factor = 2.0 if largest > 1e-9 else 1073741824.0  # 2 ** 30: of powers of two no digit is lost
        largest *= factor
        power *= factor
    if power > 1.0:
        for i in range(size):
            state[i] *= power
    return power


def keep(store, place, state, size):
    """Copy a state to the store."""
    for i in range(size):
        store[place + i] = state[i]


def keep_half(store, place, state, size, run, half):
    """Copy the half of a state in which a node is absent (half 0) or present (1) to the store: size / 2 numbers."""
    for outer in range(size // (2 * run)):
        a = half * run + 2 * run * outer
        for i in range(run):
            store[place + i] = state[a + i]
        place += run


def copy(store, place, to, size):
    """Copy a part of the store to the beginning of another array."""
    for i in range(size):
        to[i] = store[place + i]


def link_half(states, at, size, target, fires, spares):
    """Write behind a half state, in which a node is present, the same once its link to a target has acted."""
    for outer in range(size // (2 * target)):
        a = at + 2 * target * outer
        for i in range(a, a + target):
            states[i + target] = states[i + target - size] + fires * states[i - size]
            states[i] = spares * states[i - size]


def half_sums(store, place, gradient, size, lanes, strata, run, out, v, half):
    """Fill out[v, half, row] with the sum over subsets of a kept half times the gradient there."""
    for r in range(lanes // strata):
        out[v, half, r] = 0.0
    for outer in range(size // (2 * run)):
        a = half * run + 2 * run * outer
        for subset in range(run // lanes):
            m = a + lanes * subset
            for r in range(lanes // strata):
                total = 0.0
                for x in range(r * strata, (r + 1) * strata):
                    total += store[place + x] * gradient[m + x]
                out[v, half, r] += total
            place += lanes


def link_sums(store, place, gradient, size, source, target, out, e):
    """Fill out[e, 0:2] with sums of a kept half of the source times the gradient where the target is present.

    First over the subsets in which the target was absent before, then over those in which it was present already. The
    gradient has been taken back over all links of the source; at subsets that hold the target it is then what lies
    behind this link once it has fired.
    """
    lower = min(source, target)
    upper = max(source, target)
    on = target if target < source else target // 2
    newly = 0.0
    again = 0.0
    for outer in range(size // (2 * upper)):
        a = 2 * upper * outer + source
        for inner in range(upper // (2 * lower)):
            b = a + 2 * lower * inner
            half = place + b // (2 * source) * source + b % source
            for i in range(lower):
                newly += store[half + i] * gradient[b + target + i]
                again += store[half + on + i] * gradient[b + target + i]
    out[e, 0] = newly
    out[e, 1] = again


def spared_sum(store, place, gradient, size, source, target, again):
    """Return the sum of a kept half of the source times the gradient where the target is absent, before and after.

    And, if `again`, where it is present, before and after.
    """
    lower = min(source, target)
    upper = max(source, target)
    on = target if target < source else target // 2
    spared = 0.0
    for outer in range(size // (2 * upper)):
        a = 2 * upper * outer + source
        for inner in range(upper // (2 * lower)):
            b = a + 2 * lower * inner
            half = place + b // (2 * source) * source + b % source
            for i in range(lower):
                spared += store[half + i] * gradient[b + i]
                if again:
                    spared += store[half + on + i] * gradient[b + target + i]
    return spared


def both_half(states, at, size, target, event, fires, spares):
    """Do what `link_half` does with a link that acts on two nodes."""
    low = min(target, event)
    high = max(target, event)
    for outer in range(size // (2 * high)):
        for inner in range(high // (2 * low)):
            a = at + 2 * high * outer + 2 * low * inner
            for i in range(a, a + low):
                none = states[i - size]
                one = states[i + target - size]
                other = states[i + event - size]
                states[i + target + event] = states[i + target + event - size] + fires * (none + one + other)
                states[i] = spares * none
                states[i + target] = spares * one
                states[i + event] = spares * other


def both_sum(store, place, gradient, size, source, target, event, fires):
    """Return the sum of a kept half of the source times the gradient where a link that acts on two nodes has acted.

    If it fires, both of them are present behind it; if not, they are as they were.
    """
    low = min(source, target, event)
    high = max(source, target, event)
    middle = source + target + event - low - high
    on = target if target < source else target // 2
    too = event if event < source else event // 2
    total = 0.0
    for outer in range(size // (2 * high)):
        for between in range(high // (2 * middle)):
            for inner in range(middle // (2 * low)):
                b = 2 * high * outer + 2 * middle * between + 2 * low * inner + source
                half = place + b // (2 * source) * source + b % source
                for i in range(low):
                    at = half + i
                    if fires:
                        before = store[at] + store[at + on] + store[at + too] + store[at + on + too]
                        total += before * gradient[b + target + event + i]
                    else:
                        total += store[at] * gradient[b + i] + store[at + on] * gradient[b + target + i]
                        total += store[at + too] * gradient[b + event + i]
                        total += store[at + on + too] * gradient[b + target + event + i]
    return total
