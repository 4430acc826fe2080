cimport cython
from twitchbayes.inference.arrays cimport Size

@cython.locals(i=Size, absent=double, present=double, subset=Size, m=Size, x=Size)
cdef void open_node(double[::1] state, Size size, Size lanes, double[:, :, ::1] start, Size v, bint same) noexcept nogil
@cython.locals(subset=Size, m=Size, x=Size)
cdef void leave_out(double[::1] state, Size size, Size lanes, double[:, :, ::1] start, double[:, :, ::1] end, Size v) noexcept nogil
@cython.locals(i=Size, absent=double, present=double, subset=Size, m=Size, x=Size)
cdef void open_back(double[::1] gradient, Size size, Size lanes, double[:, :, ::1] start, Size v, bint same) noexcept nogil
@cython.locals(at=Size, i=Size, total=double, subset=Size, m=Size, x=Size)
cdef void start_sums(double[::1] store, Size place, double[::1] gradient, Size size, Size lanes, double[:, :, ::1] sums, Size v, Size half) noexcept nogil
@cython.locals(target=Size, start=Size, lower=Size, upper=Size, both=Size, outer=Size, a=Size, inner=Size, b=Size, i=Size)
cdef void link(double[::1] state, Size size, Size source, Size acts, double fires, double spares) noexcept nogil
@cython.locals(target=Size, start=Size, lower=Size, upper=Size, both=Size, outer=Size, a=Size, inner=Size, b=Size, i=Size)
cdef void link_back(double[::1] gradient, Size size, Size source, Size acts, double fires, double spares) noexcept nogil
@cython.locals(at=Size, outer=Size, a=Size, i=Size)
cdef void take_half(double[::1] state, Size size, Size run, Size half) noexcept nogil
@cython.locals(at=Size, i=Size)
cdef void put_half(double[::1] gradient, Size size, Size run, Size half) noexcept nogil
@cython.locals(at=Size, absent=double, present=double, outer=Size, a=Size, i=Size, subset=Size, m=Size, x=Size)
cdef void close_node(double[::1] state, Size size, Size lanes, Size strata, Size run, double[:, :, ::1] end, Size v) noexcept nogil
@cython.locals(at=Size, absent=double, present=double, i=Size, subset=Size, m=Size, x=Size)
cdef void close_back(double[::1] gradient, Size size, Size lanes, Size strata, Size run, double[:, :, ::1] end, Size v) noexcept nogil
@cython.locals(row=Size, total=double, x=Size)
cdef void add_strata(double[::1] state, Size size, Size strata) noexcept nogil
@cython.locals(row=Size, total=double, x=Size)
cdef void strata_back(double[::1] gradient, Size size, Size strata) noexcept nogil
@cython.locals(largest=double, i=Size, power=double, factor=double)
cdef double rescale(double[::1] state, Size size) noexcept nogil
@cython.locals(i=Size)
cdef void keep(double[::1] store, Size place, double[::1] state, Size size) noexcept nogil
@cython.locals(outer=Size, a=Size, i=Size)
cdef void keep_half(double[::1] store, Size place, double[::1] state, Size size, Size run, Size half) noexcept nogil
@cython.locals(i=Size)
cdef void copy(double[::1] store, Size place, double[::1] to, Size size) noexcept nogil
@cython.locals(outer=Size, a=Size, i=Size)
cdef void link_half(double[::1] states, Size at, Size size, Size target, double fires, double spares) noexcept nogil
@cython.locals(r=Size, outer=Size, a=Size, subset=Size, m=Size, total=double, x=Size)
cdef void half_sums(double[::1] store, Size place, double[::1] gradient, Size size, Size lanes, Size strata, Size run, double[:, :, ::1] out, Size v, Size half) noexcept nogil
@cython.locals(lower=Size, upper=Size, on=Size, newly=double, again=double, outer=Size, a=Size, inner=Size, b=Size, half=Size, i=Size)
cdef void link_sums(double[::1] store, Size place, double[::1] gradient, Size size, Size source, Size target, double[:, ::1] out, Size e) noexcept nogil
@cython.locals(lower=Size, upper=Size, on=Size, spared=double, outer=Size, a=Size, inner=Size, b=Size, half=Size, i=Size)
cdef double spared_sum(double[::1] store, Size place, double[::1] gradient, Size size, Size source, Size target, bint again) noexcept nogil
@cython.locals(low=Size, middle=Size, high=Size, outer=Size, between=Size, inner=Size, a=Size, i=Size)
cdef void link_both(double[::1] state, Size size, Size source, Size target, Size event, double fires, double spares) noexcept nogil
@cython.locals(low=Size, middle=Size, high=Size, outer=Size, between=Size, inner=Size, a=Size, i=Size, fired=double)
cdef void both_back(double[::1] gradient, Size size, Size source, Size target, Size event, double fires, double spares) noexcept nogil
@cython.locals(low=Size, high=Size, outer=Size, inner=Size, a=Size, i=Size, none=double, one=double, other=double)
cdef void both_half(double[::1] states, Size at, Size size, Size target, Size event, double fires, double spares) noexcept nogil
@cython.locals(low=Size, middle=Size, high=Size, on=Size, too=Size, total=double, outer=Size, between=Size, inner=Size, b=Size, half=Size, i=Size, at=Size, before=double)
cdef double both_sum(double[::1] store, Size place, double[::1] gradient, Size size, Size source, Size target, Size event, bint fires) noexcept nogil
