cimport cython
cimport twitchbayes.inference.arrays as arrays
cimport twitchbayes.inference.moves as moves
cimport twitchbayes.inference.names as names
from twitchbayes.inference.arrays cimport Size, Structure
from twitchbayes.inference.order cimport Plan
from twitchbayes.inference.reading cimport Block

cdef class Work:
    cdef public double[::1] state, store, spare, power, total, gradient
    cdef public double[:, :, ::1] sums, halves
    cdef public double[:, ::1] linked

@cython.locals(strata=Size, lanes=Size, size=Size, x=Size, t=Size, kind=Size, v=Size, run=Size, place=Size, i=Size, e=Size, r=Size, target=Size, event=Size, same=Size)
cdef void forward(Structure net, Block block, Plan plan, Work work, Size rows, bint careful, bint again) noexcept nogil
@cython.locals(v=Size)
cdef bint is_brief(Plan plan, Size t) noexcept nogil
cdef bint is_same(Structure net, Block block, Size v, Size lanes, Size rows) noexcept nogil
@cython.locals(i=Size, v=Size, r=Size, half=Size)
cdef void compress(Structure net, Block block, Plan plan, Size rows) noexcept nogil
@cython.locals(strata=Size, lanes=Size, size=Size, r=Size, x=Size, t=Size, kind=Size, v=Size, run=Size, place=Size, i=Size, same=Size)
cdef void backward(Structure net, Block block, Plan plan, Work work, Size rows) noexcept nogil
@cython.locals(first=Size, last=Size, v=Size, run=Size, half=Size, i=Size, e=Size, target=Size, on=Size, event=Size, too=Size, again=bint, at=Size)
cdef void links_back(Structure net, Block block, Plan plan, Work work, Size t, Size size, Size lanes, Size strata, Size place) noexcept nogil
