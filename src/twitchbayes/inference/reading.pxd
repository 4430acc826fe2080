cimport cython
cimport libc.math as math
cimport twitchbayes.inference.arrays as arrays
cimport twitchbayes.inference.names as names
from twitchbayes.inference.arrays cimport Numbers, Size, Structure

cdef double GROWTH

cdef class Block:
    cdef public Size set, strata, lanes, n_nodes, n_links
    cdef public Size[::1] nodes, active, varies, dropped, waits, silent, links, live, needed, from_links, from_first, from_last
    cdef public double[::1] fires, spares, weight, aside, none, constant, absent, present, scale
    cdef public double[:, :, ::1] start, end
    cdef public Size[:, ::1] state

@cython.locals(at=Size, i=Size)
cdef Size table_entry(Structure net, Block block, Size c, Size own, Size x) noexcept nogil
@cython.locals(at=Size, i=Size)
cdef Size leak_entry(Structure net, Block block, Size k, Size x) noexcept nogil
cdef bint is_averaged(Structure net, signed char[:, ::1] codes, Size r, Size c, Block block) noexcept nogil
@cython.locals(c=Size, v=Size, u=Size, e=Size)
cdef void read_pattern(Structure net, Numbers numbers, Size s, signed char[:, ::1] codes, Size r, Size want, Block block) noexcept nogil
@cython.locals(i=Size)
cdef void forget(Block block) noexcept nogil
@cython.locals(c=Size, i=Size, k=Size, v=Size, e=Size)
cdef void find_varying(Structure net, signed char[:, ::1] codes, Size r, Block block) noexcept nogil
@cython.locals(i=Size, v=Size, at=Size)
cdef void list_nodes(Structure net, Block block) noexcept nogil
@cython.locals(v=Size, g=Size, e=Size)
cdef void drop_causes(Structure net, signed char[:, ::1] codes, Size r, Size want, Block block) noexcept nogil
@cython.locals(absent=bint, u=Size, i=Size, e=Size)
cdef bint is_certain(Structure net, Numbers numbers, Size s, signed char[:, ::1] codes, Size r, Size v) noexcept nogil
@cython.locals(i=Size)
cdef bint has_member(Structure net, signed char[:, ::1] codes, Size r, Size u) noexcept nogil
@cython.locals(e=Size)
cdef void open_finding(Structure net, Block block, Size v, double absent) noexcept nogil
cdef void add_link(Block block, Size e) noexcept nogil
@cython.locals(e=Size)
cdef void link_numbers(Structure net, Numbers numbers, Size s, Block block, Size v) noexcept nogil
@cython.locals(v=Size, e=Size, i=Size, j=Size, leak=Size, d=Size)
cdef void merge_members(Structure net, Numbers numbers, Size s, signed char[:, ::1] codes, Size r, Size u, Block block) noexcept nogil
@cython.locals(scale=double, e=Size)
cdef void rescale(Structure net, signed char[:, ::1] codes, Size r, Block block, Size v) noexcept nogil
@cython.locals(k=Size, v=Size, e=Size)
cdef void link_causes(Structure net, Numbers numbers, Size s, Size want, Block block) noexcept nogil
@cython.locals(first=Size, k=Size, v=Size, x=Size)
cdef void read_row(Structure net, Numbers numbers, Size s, signed char[:, ::1] codes, Size r, Size i, Block block) noexcept nogil
@cython.locals(inner=Size, last=Size, c=Size, x=Size)
cdef void read_contexts(Structure net, Numbers numbers, Size s, signed char[:, ::1] codes, Size r, Size first, Block block) noexcept nogil
@cython.locals(at=Size, absent=double, present=double, e=Size, c=Size, share=double, rest=double)
cdef void start_cause(Structure net, Numbers numbers, Size s, signed char[:, ::1] codes, Size r, Size v, Size x, Block block) noexcept nogil
@cython.locals(constant=double, logs=double, v=Size, u=Size, i=Size, e=Size, c=Size)
cdef double read_findings(Structure net, Numbers numbers, Size s, signed char[:, ::1] codes, Size r, Size first, Block block) noexcept nogil
@cython.locals(spares=double, e=Size)
cdef double absent_finding(Structure net, Numbers numbers, Size s, Block block, Size v) noexcept nogil
cdef double log_of(double p) noexcept nogil
@cython.locals(explained=double, i=Size, x=Size, none=double, c=Size, spares=double, j=Size)
cdef void begin_none(Structure net, Numbers numbers, Size s, Block block, Size first) noexcept nogil
@cython.locals(last=Size, logs=double, v=Size, largest=double, x=Size, factor=double, i=Size)
cdef double set_aside(Structure net, Block block, Size first) noexcept nogil
@cython.locals(x=Size)
cdef double grow(Block block, Size first, Size last) noexcept nogil
@cython.locals(c=Size, found=bint, i=Size)
cdef void find_needed(Structure net, signed char[:, ::1] codes, Size r, Block block) noexcept nogil
