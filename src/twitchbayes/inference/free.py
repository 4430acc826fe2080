"""The loops of `rows` without the GIL, where they are compiled: see `free.pxd`. In plain Python they are the same loops."""

from twitchbayes.inference.rows import answer_rows, count_rows, differentiate, weigh_rows

__all__ = ["answer_rows", "count_rows", "differentiate", "weigh_rows"]
