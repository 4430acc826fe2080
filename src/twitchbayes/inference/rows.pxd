cimport cython
cimport libc.math as math
cimport twitchbayes.inference.arrays as arrays
cimport twitchbayes.inference.counts as counts
cimport twitchbayes.inference.names as names
cimport twitchbayes.inference.order as order
cimport twitchbayes.inference.reading as reading
cimport twitchbayes.inference.sweep as sweep
from twitchbayes.inference.arrays cimport Numbers, Size, Structure
from twitchbayes.inference.counts cimport Slots
from twitchbayes.inference.order cimport Plan
from twitchbayes.inference.reading cimport Block
from twitchbayes.inference.sweep cimport Work

cdef double TINY, LEAST, RARE, IMPOSSIBLE

cdef class Desk:
    cdef public signed char[:, ::1] said
    cdef public Block block, side
    cdef public Plan plan, side_plan
    cdef public Work work
    cdef public double[::1] logs
    cdef public Size lanes, state, store, spare, limit, is_refused

cdef bint fits(Desk desk, Block block, Plan plan, Size n_rows) noexcept nogil
@cython.locals(v=Size)
cdef void load(Structure net, const signed char[:, ::1] codes, Size r, Size i, Desk desk) noexcept nogil
cdef void prepare(Structure net, Numbers numbers, const signed char[:, ::1] codes, Size r, Size want, Desk desk) noexcept nogil
@cython.locals(at_once=Size)
cdef Size begin(Structure net, Numbers numbers, const signed char[:, ::1] codes, const Size[::1] rows, Size first, Size n_rows, Size want, Desk desk) noexcept nogil
@cython.locals(r=Size, v=Size)
cpdef Size first_fault(Structure net, const signed char[:, ::1] codes) noexcept
@cython.locals(at=Size)
cdef Size run_length(const signed char[::1] same, Size first, Size last) noexcept nogil
@cython.locals(i=Size)
cdef void read_and_run(Structure net, Numbers numbers, Size s, Desk desk, Block block, Plan plan, Size first, Size n_rows, bint careful) noexcept nogil
@cython.locals(logs=double, t=Size)
cdef double log_total(Block block, Plan plan, Work work, Size i) noexcept nogil
@cython.locals(logs=double)
cdef double log_shared(Desk desk, Size i) noexcept nogil
@cython.locals(i=Size)
cdef void weigh(Structure net, Numbers numbers, Size s, Desk desk, Block block, Plan plan, Size n_rows) noexcept nogil
@cython.locals(done=Size, stop=Size, at_once=Size, n_rows=Size, s=Size, i=Size)
cpdef Size weigh_rows(Structure net, Numbers numbers, const signed char[:, ::1] codes, const Size[::1] rows, const signed char[::1] same, Size first, Size last, Size stride, Desk desk, double[::1] logs) noexcept nogil
@cython.locals(done=Size, stop=Size, at_once=Size, n_rows=Size, i=Size, s=Size, g=Size)
cpdef Size answer_rows(Structure net, Numbers numbers, const signed char[:, ::1] codes, const Size[::1] rows, const signed char[::1] same, Size first, Size last, Size stride, Size first_group, Desk desk, double[:, ::1] out) noexcept nogil
@cython.locals(i=Size)
cdef void answer_block(Structure net, Numbers numbers, Size s, const Size[::1] rows, Size first, Size n_rows, Size stride, Size first_group, Desk desk, double[:, ::1] out) noexcept nogil
@cython.locals(last=Size, i=Size, place=Size, none=double, x=Size, k=Size, share=double, known=Size, unknown=Size)
cdef void finish(Structure net, const Size[::1] rows, Size first, Size n_rows, Size at, Size column, Desk desk, double[:, ::1] out) noexcept nogil
@cython.locals(last=Size, v=Size, logs=double)
cdef void answer_none(Structure net, Numbers numbers, Size s, Size i, Size column, Desk desk, double[:, ::1] out) noexcept nogil
@cython.locals(last=Size, g=Size, i=Size, at=Size, share=double)
cdef void leave_groups(Structure net, const Size[::1] rows, Size first, Size n_rows, Size column, Size first_group, Desk desk, bint careful, double[:, ::1] out) noexcept nogil
@cython.locals(n=Size, i=Size, v=Size, x=Size, none=double, either=double)
cdef void end_members(Structure net, Block block, Work work, Size g, Size n_rows, bint absent) noexcept nogil
@cython.locals(last=Size, asked=Size, rare=bint, s=Size, i=Size, at=Size, found=bint, log_share=double)
cdef bint answer_rare(Structure net, Numbers numbers, Size g, const Size[::1] rows, Size first, Size n_rows, Size stride, Size first_group, Desk desk, double[:, ::1] out) noexcept nogil
@cython.locals(done=Size, stop=Size, at_once=Size, n_rows=Size, i=Size, into=Size)
cpdef Size count_rows(Structure net, Numbers numbers, const signed char[:, ::1] codes, const Size[::1] rows, const signed char[::1] same, const double[::1] weights, bint each, Size first, Size last, Desk desk, double[::1] logs, Slots slots) noexcept nogil
@cython.locals(i=Size)
cdef void count_block(Structure net, Numbers numbers, const Size[::1] rows, const double[::1] weights, Size first, Size n_rows, Size into, Desk desk, double[::1] logs, Slots slots) noexcept nogil
@cython.locals(i=Size, counted=bint)
cdef void count_swept(Structure net, Numbers numbers, const Size[::1] rows, const double[::1] weights, Size first, Size n_rows, Size at, Size into, Desk desk, double least, double[::1] logs, Slots slots) noexcept nogil
@cython.locals(logs=double, t=Size)
cpdef double differentiate(Structure net, Numbers numbers, const signed char[:, ::1] codes, Size r, Desk desk, Slots slots) noexcept nogil
@cython.locals(v=Size)
cpdef double plan_cost(Structure net, Numbers numbers, const signed char[:, ::1] codes, Desk desk) noexcept
