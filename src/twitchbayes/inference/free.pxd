cimport twitchbayes.inference.rows as rows
from twitchbayes.inference.arrays cimport Numbers, Size, Structure
from twitchbayes.inference.counts cimport Slots
from twitchbayes.inference.rows cimport Desk

cdef inline Size weigh_rows(Structure net, Numbers numbers, const signed char[:, ::1] codes, const Size[::1] order, const signed char[::1] same, Size first, Size last, Size stride, Desk desk, double[::1] logs):
    with nogil:
        return rows.weigh_rows(net, numbers, codes, order, same, first, last, stride, desk, logs)

cdef inline Size answer_rows(Structure net, Numbers numbers, const signed char[:, ::1] codes, const Size[::1] order, const signed char[::1] same, Size first, Size last, Size stride, Size first_group, Desk desk, double[:, ::1] out):
    with nogil:
        return rows.answer_rows(net, numbers, codes, order, same, first, last, stride, first_group, desk, out)

cdef inline Size count_rows(Structure net, Numbers numbers, const signed char[:, ::1] codes, const Size[::1] order, const signed char[::1] same, const double[::1] weights, bint each, Size first, Size last, Desk desk, double[::1] logs, Slots slots):
    with nogil:
        return rows.count_rows(net, numbers, codes, order, same, weights, each, first, last, desk, logs, slots)

cdef inline double differentiate(Structure net, Numbers numbers, const signed char[:, ::1] codes, Size r, Desk desk, Slots slots):
    with nogil:
        return rows.differentiate(net, numbers, codes, r, desk, slots)
