cimport twitchbayes.inference.names as names
ctypedef Py_ssize_t Size

cdef class Structure:
    cdef public Size n_contexts, n_causes, n_findings, n_unions, n_groups, n_nodes, n_links, n_slots, all_used, n_described, n_events, n_stratified, background
    cdef public Size first_finding, first_union, first_group, first_event, first_leak, first_link, first_finding_leak
    cdef readonly const Size[::1] kind, in_at, source, target, inhibits, out_at, out, cards, is_stratum, is_used, is_excluded
    cdef readonly const Size[::1] parent_at, parent, parent_stride, table_at
    cdef readonly const Size[::1] stratum_at, stratum, stratum_stride, leak_at, member_at, member
    cdef readonly const Size[::1] slot, event, leak, top, span_at, low, high, tells, described
    cdef readonly const Size[::1] whole, part_at, part, telling_at, telling, event_at, stratified, shift_at, shift, shift_stride
    cdef readonly list _sources

cdef class Numbers:
    cdef public Size n_sets
    cdef readonly const double[:, ::1] yes, no
