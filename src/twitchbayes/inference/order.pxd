cimport cython
cimport twitchbayes.inference.arrays as arrays
cimport twitchbayes.inference.names as names
from twitchbayes.inference.arrays cimport Size, Structure
from twitchbayes.inference.reading cimport Block

cdef double DEAR

cdef class Plan:
    cdef public Size[:, ::1] steps
    cdef public Size[::1] links, bits, event_bits, status, bit, left, late, ends_late, at_bit, linked
    cdef public Size n_steps, n_links, width, open, room, size, spare, lanes, sums, varying, want, spares
    cdef public double cost

@cython.locals(best=Size, least=double, way=Size)
cdef void choose(Structure net, Block block, Plan plan, Size want) noexcept nogil
@cython.locals(v=Size, i=Size, varies=Size)
cdef void make(Structure net, Block block, Plan plan, Size way, Size want) noexcept nogil
@cython.locals(i=Size, v=Size, e=Size)
cdef void begin(Structure net, Block block, Plan plan, Size want) noexcept nogil
@cython.locals(best=Size, least=Size, i=Size, v=Size, score=Size)
cdef Size next_node(Structure net, Block block, Plan plan, Size way) noexcept nogil
@cython.locals(opens=Size, brief=Size, closes=Size, n_in=Size, i=Size, e=Size, u=Size)
cdef Size score_of(Structure net, Block block, Plan plan, Size v) noexcept nogil
@cython.locals(i=Size, e=Size, u=Size)
cdef void complete(Structure net, Block block, Plan plan, Size v) noexcept nogil
@cython.locals(i=Size, e=Size, u=Size, waits=bint)
cdef void complete_cause(Structure net, Block block, Plan plan, Size v) noexcept nogil
cdef bint is_effect(Structure net, Size v) noexcept nogil
cdef void tell_share(Plan plan, Size v) noexcept nogil
@cython.locals(has_events=bint, i=Size, e=Size, u=Size, j=Size)
cdef bint open_effects(Structure net, Block block, Plan plan, Size v) noexcept nogil
@cython.locals(i=Size, u=Size)
cdef void run_events(Structure net, Block block, Plan plan, Size v) noexcept nogil
@cython.locals(acted_on=bint, has_events=bint, e=Size, inhibits=Size)
cdef void enter(Structure net, Block block, Plan plan, Size v) noexcept nogil
@cython.locals(keeps=bint)
cdef void open_node(Structure net, Block block, Plan plan, Size v, bint acted_on) noexcept nogil
@cython.locals(began=bint, i=Size, e=Size)
cdef void link_open(Structure net, Block block, Plan plan, Size v) noexcept nogil
cdef void keep_half(Plan plan) noexcept nogil
@cython.locals(b=Size, v=Size, i=Size)
cdef void close_done(Plan plan) noexcept nogil
cdef void add_strata(Plan plan) noexcept nogil
@cython.locals(t=Size)
cdef void add_step(Plan plan, Size kind, Size v, Size place) noexcept nogil
@cython.locals(half=Size)
cdef void add_link(Structure net, Block block, Plan plan, Size e) noexcept nogil
