cimport cython
cimport twitchbayes.inference.arrays as arrays
cimport twitchbayes.inference.names as names
cimport twitchbayes.inference.reading as reading
from twitchbayes.inference.arrays cimport Numbers, Size, Structure
from twitchbayes.inference.order cimport Plan
from twitchbayes.inference.reading cimport Block
from twitchbayes.inference.sweep cimport Work

cdef class Slots:
    cdef readonly double[:, ::1] fires, spares, trials
    cdef readonly double[::1] untried

@cython.locals(v=Size, share=double, x=Size)
cdef double cause_share(Structure net, Block block, Plan plan, Work work, Size k, Size i, Size half) noexcept nogil
@cython.locals(e=Size)
cdef bint is_acted_on(Structure net, Block block, Size v) noexcept nogil
@cython.locals(either=double)
cdef double aside_sum(Block block, Work work, Size v, Size half, Size x) noexcept nogil
@cython.locals(i=Size, k=Size, e=Size, v=Size, u=Size, a=Size, b=Size, spared=double, fired=double)
cdef void add(Structure net, Numbers numbers, signed char[:, ::1] said, Size first, Block block, Plan plan, Work work, Size n_rows, Size into, Slots slots) noexcept nogil
@cython.locals(d=Size)
cdef bint has_background(Structure net, Block block, Size v) noexcept nogil
@cython.locals(high=Size, d=Size, whole=double)
cdef void add_states(Structure net, Numbers numbers, Block block, Size slot, Size v, double fired, double spared, Size into, Slots slots) noexcept nogil
@cython.locals(newly=double)
cdef double link_fires(Structure net, Block block, Work work, Size e) noexcept nogil
@cython.locals(total=double, x=Size)
cdef double all_sums(Block block, Plan plan, Work work, Size v, Size n_rows, Size half) noexcept nogil
@cython.locals(first=Size, last=Size, c=Size, half=Size, x=Size, at=Size)
cdef void add_contexts(Structure net, Numbers numbers, Block block, Plan plan, Work work, Size i, Size into, Slots slots) noexcept nogil
@cython.locals(p=double, weight=double, d=Size)
cdef double without_context(Structure net, Numbers numbers, Block block, Size c, Size at, Size x) noexcept nogil
@cython.locals(v=Size, first=Size, x=Size, absent=double, present=double)
cdef void add_cause(Structure net, Numbers numbers, signed char[:, ::1] said, Size r, Block block, Plan plan, Work work, Size i, Size k, Size into, Slots slots) noexcept nogil
@cython.locals(s=Size, leak=Size, rest=double, e=Size, c=Size, averaged=bint, at=Size, share=double)
cdef void add_ways(Structure net, Numbers numbers, signed char[:, ::1] said, Size r, Block block, Size v, Size x, double absent, double present, Size into, Slots slots) noexcept nogil
@cython.locals(s=Size, spares=double, fires=double, leak=Size, e=Size, c=Size, share=double, none=double)
cdef double without_way(Structure net, Numbers numbers, signed char[:, ::1] said, Size r, Block block, Size v, Size x, Size way, double absent, double present) noexcept nogil
@cython.locals(mass=double, x=Size, k=Size, c=Size, j=Size, v=Size, u=Size, d=Size, high=Size)
cdef void add_tested(Structure net, Numbers numbers, signed char[:, ::1] said, Size r, Block block, Plan plan, Work work, Size i, Size into, Slots slots) noexcept nogil
cdef bint is_told(Structure net, Block block, Size v) noexcept nogil
@cython.locals(s=Size, is_factor=bint, e=Size, off=double)
cdef void add_finding(Structure net, Numbers numbers, Block block, Size v, double mass, Size high, Size into, Slots slots) noexcept nogil
@cython.locals(e=Size, off=double, share=double)
cdef void add_telling(Structure net, Numbers numbers, Block block, Plan plan, Work work, Size v, Size i, Size into, Slots slots) noexcept nogil
@cython.locals(d=Size)
cdef void add_trials(Structure net, Slots slots, Size slot, Size v, double mass, double untried, Size into) noexcept nogil
@cython.locals(whole=double, d=Size)
cdef void add_cap(Numbers numbers, Size s, Slots slots, Size slot, Size high, double mass, Size into) noexcept nogil
@cython.locals(u=Size, first=Size, last=Size, absent=double, present=double, i=Size, j=Size, spared=double, fired=double)
cdef void add_leaks(Structure net, Numbers numbers, signed char[:, ::1] said, Size r, Block block, Plan plan, Work work, Size n_rows, Size v, Size into, Slots slots) noexcept nogil
@cython.locals(source=Size, fires=double, spares=double, i=Size, j=Size, d=Size, spared=double, fired=double)
cdef void add_parts(Structure net, Numbers numbers, signed char[:, ::1] said, Size r, Block block, Work work, Size e, const Size[::1] parts, Size first, Size last, Size into, Slots slots) noexcept nogil
@cython.locals(e=Size)
cdef Size link_from(Structure net, Size source, Size v) noexcept nogil
@cython.locals(e=Size)
cdef Size slot_of(Structure net, Block block, Size source, Size v) noexcept nogil
@cython.locals(spares=double, i=Size, v=Size, at=Size)
cdef double without_part(Structure net, Numbers numbers, signed char[:, ::1] said, Size r, Block block, const Size[::1] parts, Size first, Size last, Size j, Size source) noexcept nogil
@cython.locals(fired=double, spares=double, i=Size, v=Size, at=Size)
cdef double by_another(Structure net, Numbers numbers, signed char[:, ::1] said, Size r, Block block, const Size[::1] parts, Size first, Size last, Size j, Size source) noexcept nogil
