cimport twitchbayes.inference.free as free
from twitchbayes.inference.arrays cimport Numbers, Size, Structure
from twitchbayes.inference.counts cimport Slots
from twitchbayes.inference.rows cimport Desk

cpdef Size weigh_rows(Structure net, Numbers numbers, const signed char[:, ::1] codes, const Size[::1] order, const signed char[::1] same, Size first, Size last, Size stride, Desk desk, double[::1] logs)
cpdef Size answer_rows(Structure net, Numbers numbers, const signed char[:, ::1] codes, const Size[::1] order, const signed char[::1] same, Size first, Size last, Size stride, Size first_group, Desk desk, double[:, ::1] out)
cpdef Size count_rows(Structure net, Numbers numbers, const signed char[:, ::1] codes, const Size[::1] order, const signed char[::1] same, const double[::1] weights, bint each, Size first, Size last, Desk desk, double[::1] logs, Slots slots)
cpdef double differentiate(Structure net, Numbers numbers, const signed char[:, ::1] codes, Size r, Desk desk, Slots slots)
