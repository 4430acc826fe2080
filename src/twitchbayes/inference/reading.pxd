cimport cython
cimport libc.math as math
cimport twitchbayes.inference.arrays as arrays
cimport twitchbayes.inference.names as names
from twitchbayes.inference.arrays cimport Numbers, Size, Structure

cdef double GROWTH

cdef class Block:
    cdef public Size set, strata, lanes, n_nodes, n_links, is_graded, contradicts
    cdef public Size[::1] nodes, active, varies, dropped, waits, silent, links, live, needed, from_links, from_first, from_last
    cdef public Size[::1] joint, slot, leak, low, high, told
    cdef public double[::1] fires, spares, weight, aside, none, constant, absent, present, scale
    cdef public double[:, :, ::1] start, end
    cdef public Size[:, ::1] state

@cython.locals(at=Size, i=Size)
cdef Size table_entry(Structure net, Block block, Size c, Size own, Size x) noexcept nogil
@cython.locals(at=Size, i=Size)
cdef Size leak_entry(Structure net, Block block, Size k, Size x) noexcept nogil
cdef bint is_averaged(Structure net, signed char[:, ::1] codes, Size r, Size c, Block block) noexcept nogil
@cython.locals(c=Size, v=Size, u=Size, e=Size, d=Size)
cdef void read_pattern(Structure net, Numbers numbers, Size s, signed char[:, ::1] codes, Size r, Size want, Block block) noexcept nogil
@cython.locals(i=Size)
cdef void forget(Block block) noexcept nogil
@cython.locals(c=Size, i=Size, k=Size, v=Size, e=Size)
cdef void find_varying(Structure net, signed char[:, ::1] codes, Size r, Block block) noexcept nogil
@cython.locals(i=Size, v=Size, at=Size)
cdef void list_nodes(Structure net, Block block) noexcept nogil
@cython.locals(v=Size, g=Size, e=Size)
cdef void drop_causes(Structure net, signed char[:, ::1] codes, Size r, Size want, Block block) noexcept nogil
@cython.locals(i=Size, at=Size, j=Size, place=Size)
cdef void shift_slots(Structure net, signed char[:, ::1] codes, Size r, Block block) noexcept nogil
@cython.locals(d=Size, i=Size, v=Size)
cdef void tell_described(Structure net, signed char[:, ::1] codes, Size r, Block block) noexcept nogil
@cython.locals(i=Size)
cdef bint may_be_produced(Structure net, signed char[:, ::1] codes, Size r, Size d) noexcept nogil
@cython.locals(u=Size, i=Size)
cdef bint is_node(Structure net, Numbers numbers, Size s, signed char[:, ::1] codes, Size r, Size v, Size want, Block block) noexcept nogil
@cython.locals(e=Size)
cdef bint is_certain(Structure net, Numbers numbers, Size s, Size v, Block block) noexcept nogil
@cython.locals(total=double, d=Size)
cdef double within(Numbers numbers, Size s, Size slot, Size low, Size high) noexcept nogil
cdef double most(Structure net, Numbers numbers, Size s, Size slot, Size v, Block block) noexcept nogil
@cython.locals(i=Size)
cdef bint has_part(const Size[::1] parts, Size first, Size last, signed char[:, ::1] codes, Size r, Size code) noexcept nogil
@cython.locals(d=Size, told=bint, e=Size)
cdef void open_node(Structure net, Block block, Size v) noexcept nogil
cdef void add_link(Block block, Size e) noexcept nogil
@cython.locals(d=Size, e=Size)
cdef void open_finding(Structure net, Numbers numbers, Size s, signed char[:, ::1] codes, Size r, Size v, Block block) noexcept nogil
@cython.locals(whole=double)
cdef double share_of(Structure net, Numbers numbers, Size s, Size slot, Size v, Block block, bint fires) noexcept nogil
@cython.locals(v=Size, e=Size, i=Size, d=Size)
cdef void merge_links(Structure net, Numbers numbers, Size s, signed char[:, ::1] codes, Size r, Size u, Block block) noexcept nogil
cdef void merge_link(Numbers numbers, Size s, Size d, Size e, Block block) noexcept nogil
@cython.locals(d=Size, i=Size)
cdef void merge_leaks(Structure net, Numbers numbers, Size s, signed char[:, ::1] codes, Size r, const Size[::1] parts, Size first, Size last, Size v, Block block) noexcept nogil
@cython.locals(first=Size, last=Size, is_open=bint, v=Size, e=Size, sets=bint, i=Size)
cdef void open_events(Structure net, Numbers numbers, Size s, signed char[:, ::1] codes, Size r, Size d, Size want, Block block) noexcept nogil
@cython.locals(i=Size, v=Size, e=Size)
cdef void describe(Structure net, Numbers numbers, Size s, signed char[:, ::1] codes, Size r, Size d, Size want, Block block) noexcept nogil
@cython.locals(scale=double, joint=bint, e=Size)
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
cdef double cap_finding(Structure net, Numbers numbers, Size s, Block block, Size v, Size high) noexcept nogil
cdef double log_of(double p) noexcept nogil
@cython.locals(explained=double, i=Size, v=Size, d=Size, x=Size, none=double, c=Size, spares=double, j=Size)
cdef void begin_none(Structure net, Numbers numbers, Size s, signed char[:, ::1] codes, Size r, Block block, Size first) noexcept nogil
@cython.locals(fired=double, is_open=bint, produced=double, spared=double, i=Size, leak=Size, told=double, lowest=bint, v=Size)
cdef double background_alone(Structure net, Numbers numbers, Size s, signed char[:, ::1] codes, Size r, Size d, Block block) noexcept nogil
@cython.locals(last=Size, logs=double, v=Size, largest=double, x=Size, factor=double, i=Size)
cdef double set_aside(Structure net, Block block, Size first) noexcept nogil
@cython.locals(x=Size)
cdef double grow(Block block, Size first, Size last) noexcept nogil
@cython.locals(c=Size, found=bint, i=Size)
cdef void find_needed(Structure net, signed char[:, ::1] codes, Size r, Block block) noexcept nogil
